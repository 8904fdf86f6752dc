// openai-node's Responses API against a gateway: what it reads, as one JSON object for the test that runs this.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tools = ["get_weather", "get_time"].map((name) => ({ type: "function", name, strict: true, parameters }));

const whole = await client.responses.create({ model, input: "whole" });

const streamed = client.responses.stream({ model, input: "streamed" });
let deltas = "";
streamed.on("response.output_text.delta", (event) => (deltas += event.delta));
const final = await streamed.finalResponse();

const called = await client.responses.stream({ model, input: "called", tools }).finalResponse();
const calls = called.output.filter((item) => item.type === "function_call");

async function failure(request) {
  try {
    const answer = await client.responses.create(request);
    if (request.stream) for await (const _ of answer);
    return null;
  } catch (error) {
    return { name: error.constructor.name, code: error.code, status: error.status ?? null };
  }
}

const told = {
  whole: whole.output_text,
  usage: [whole.usage.input_tokens, whole.usage.output_tokens],
  deltas,
  final: final.output_text,
  calls: calls.map((call) => [call.call_id, call.name, JSON.parse(call.arguments)]),
  refused: await failure({ model: "other", input: "refused" }),
  broken: await failure({ model, input: "broken", stream: true }),
};
console.log(JSON.stringify(told));
