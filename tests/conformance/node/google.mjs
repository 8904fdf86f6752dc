// @google/genai against the gateway: one JSON line of what each call gave. Arguments: base URL, key, model.
import { GoogleGenAI, Type } from "@google/genai";

const [baseUrl, apiKey, model] = process.argv.slice(2);
const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl, retryOptions: { attempts: 1 } } });
const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } } };
const tools = [{ functionDeclarations: [{ name: "get_weather", description: "A tool.", parameters }] }];

const steps = {
  async plain() {
    const answer = await ai.models.generateContent({ model, contents: "Hello" });
    return [answer.text, answer.usageMetadata.promptTokenCount];
  },
  async stream() {
    const texts = [];
    for await (const chunk of await ai.models.generateContentStream({ model, contents: "Hello" })) texts.push(chunk.text ?? "");
    return texts.join("");
  },
  async call() {
    const answer = await ai.models.generateContent({ model, contents: "Weather?", config: { tools } });
    return answer.functionCalls.map((call) => [call.name, call.args]);
  },
  async chat() {
    const chat = ai.chats.create({ model });
    const texts = [];
    for await (const chunk of await chat.sendMessageStream({ message: "Hello" })) texts.push(chunk.text ?? "");
    const last = await chat.sendMessage({ message: "Again" });
    return [texts.join(""), last.text, chat.getHistory(true).map((content) => content.role)];
  },
  async broken() {
    for await (const chunk of await ai.models.generateContentStream({ model, contents: "Hello" })) void chunk;
  },
  async refused() {
    await ai.models.generateContent({ model: "another", contents: "Hello" });
  },
};

for (const [name, step] of Object.entries(steps)) {
  let told;
  try {
    told = { value: await step() };
  } catch (error) {
    told = { error: error.name, status: error.status };
  }
  console.log(JSON.stringify({ name, ...told }));
}
