"""Every setting: defaults, one YAML file, `.env` and `SLUICEGATE_…` variables, validated; an unknown one is an error.

Order of strength: environment, `.env`, file, default. `SLUICEGATE_SERVER__PORT=9000` sets `server.port`;
`SLUICEGATE_CONFIG` names the file (default `sluicegate.yaml` where it exists). `docs/settings.md` is checked against
this module.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from dotenv import dotenv_values
from pydantic import Field, ValidationError

from sluicegate.core.provider import Strategy
from sluicegate.objects import (
    Bytes,
    Count,
    DeploymentSpec,
    KeySpec,
    OrganisationSpec,
    ProviderSpec,
    Seconds,
    Section,
    Share,
    TeamSpec,
    UseCaseSpec,
    Wildcard,
)

PREFIX = "SLUICEGATE_"
FILE_VARIABLE = "SLUICEGATE_CONFIG"
CLIENT_VARIABLES = frozenset({"SLUICEGATE_KEY", "SLUICEGATE_URL"})
"""What `shell-init` sets for clients; not settings."""
DEFAULT_FILE = "sluicegate.yaml"


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; each line of the message names one, and what was expected."""


class Server(Section):
    """The HTTP server. Every wait and size has a bound."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    max_body_bytes: Bytes = 32 * 1024 * 1024
    max_header_bytes: Bytes = 32 * 1024
    max_url_bytes: Bytes = 8 * 1024
    max_json_depth: Count = 100
    max_json_values: Count = 200_000
    """How many values (members and elements together) a request may hold."""
    max_form_parts: Count = 64
    """How many parts a form (`multipart/form-data`) may have."""
    max_form_head_bytes: Bytes = 4 * 1024
    """How long the headers of one of its parts may be, all together."""
    max_exchanges: Count = 1_000
    """Exchanges under way at once; beyond it 503."""
    max_connections: Count = 4_000
    header_timeout: Seconds = 10
    """From a connection's first byte, or its opening, to the end of the request's headers."""
    body_timeout: Seconds = 60
    keep_alive_timeout: Seconds = 75
    write_timeout: Seconds = 60
    """How long a client may leave its answer unread before the connection is cut."""
    write_buffer_bytes: Bytes = 64 * 1024
    shutdown_grace: Seconds = 30
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For` is believed."""


class DatabaseSettings(Section):
    """Where control data, the audit log and traces live."""

    url: str = ""
    """`sqlite:///path` or `postgresql+psycopg://…` (extra `postgres`); empty means `sluicegate.db` in `data_dir`."""
    busy_timeout: Seconds = 5
    read_threads: Count = 2
    read_queue: Count = 1_000
    """Reads waiting for a thread; beyond it they are refused."""


class Audit(Section):
    """The audit log."""

    origin: Annotated[str, Field(pattern=r"^[^\s+]{1,200}$")] = "sluicegate.local/audit"
    """The log's name on its signed checkpoints (C2SP tlog-checkpoint)."""
    signing_key: str = ""
    """Path of the Ed25519 key; empty means `audit.key` in `data_dir`, generated with mode 0600."""
    checkpoint_seconds: Seconds = 1
    checkpoint_entries: Count = 1_024
    queue: Count = 10_000
    """Entries waiting to become durable; beyond it 503."""
    commit_timeout: Seconds = 10
    """How long an entry may take to become durable before the exchange is refused."""
    journal_bytes: Annotated[int, Field(ge=64 * 1024, le=1024 * 1024 * 1024)] = 8 * 1024 * 1024
    """The length of the journal, where entries are durable before they are filled into SQLite; not used with PostgreSQL."""
    journal_seconds: Seconds = 0.05
    """How long an entry may stay in the journal alone; no reader of the database lags by more."""
    probe_seconds: Seconds = 1
    """How often a database that could not be written is tried again while nobody submits anything."""


class Identity(Section):
    """Virtual keys and administrators."""

    key_cache: Count = 10_000
    unknown_key_cache: Count = 10_000
    session_hours: Annotated[float, Field(gt=0, le=168)] = 12
    session_idle_minutes: Annotated[float, Field(gt=0, le=1_440)] = 60
    login_attempts: Count = 10
    """Failed logins per user and per address within `login_window` before both are refused."""
    login_window: Seconds = 300
    rotation_overlap: Annotated[float, Field(ge=0, le=2_592_000)] = 86_400
    """Seconds for which a rotated key keeps working."""


class Limits(Section):
    """What is reserved before a call, and what an unknown price means."""

    unknown_price: Literal["refuse", "ceiling"] = "refuse"
    ceiling_usd_per_million: Annotated[Decimal, Field(gt=0)] = Decimal(100)
    """The price per million tokens, in and out, that is charged where none is known and `unknown_price` is `ceiling`."""
    bytes_per_token: Annotated[float, Field(ge=1, le=8)] = 1
    """How many bytes of a prompt are reserved as one token; 1 can never be too few."""
    blob_tokens: Count = 4_096
    """Tokens reserved for each image, file or sound in a prompt."""
    rate_entries: Count = 100_000
    """Virtual keys whose rates, and whose spending, are kept in memory."""


class Dlp(Section):
    """Inspection of prompts and answers."""

    policies: str = ""
    """Path of the guardrail policy file, read again when it changes; empty means the one that ships."""
    automata_dir: str = ""
    """Folder in which compiled guardrails are kept for the next start, which then takes a fraction of a second; gateways may
    share it, and whoever can write there decides what they find. Empty means `automata` in `data_dir`."""
    rows_seconds: Seconds = 0.5
    """How often guardrail policies that another process stored are looked for; those of the own API count at once."""
    max_stored_policies: Count = 500
    """Guardrail policies of the API that may be active at once; each may need automata of its own."""
    max_rules: Count = 20_000
    """Rules of the packs and of the policy file together."""
    max_compiled_bytes: Bytes = 128 * 1024 * 1024
    """What the automata of the rules that one policy looks for may take; a policy file with more is refused."""
    judged_texts: Count = 20_000
    """How many texts already judged are remembered, by digest."""
    max_findings: Count = 1_000
    """Findings kept per text; beyond it they are counted and the rest of the text is treated as found."""
    max_candidates: Count = 60_000
    """Candidates examined in one prompt, or in one event of an answer; beyond it that is refused: it would block others."""
    max_decode_depth: Annotated[int, Field(ge=0, le=8)] = 3
    """How many encodings around each other (base64, hexadecimal, gzip) are undone; 0 means none."""
    max_encoded_run: Annotated[int, Field(ge=256, le=1_000_000)] = 8_192
    """Characters of encoded text that are read as one; a longer run is read in pieces, and compressed text only up to it."""
    max_answer_channels: Count = 1_024
    """Choices, blocks and tool calls that one streamed answer may have."""
    max_held_bytes: Bytes = 1024 * 1024
    """What the stream guard may hold back of one answer."""
    max_files: Count = 20
    """Files (PDF, office) of one prompt whose text is read; what is beyond this bound or the next ones is unscannable."""
    max_file_bytes: Bytes = 16 * 1024 * 1024
    """Of one file that is read."""
    max_file_pages: Count = 500
    """Of one PDF; the rest is unscannable."""
    max_file_characters: Count = 2_000_000
    """Of text read from one file."""
    file_timeout: Seconds = 10
    """For all files of one prompt together, the wait for a reader included."""
    file_readers: Count = 2
    """Processes that read files, started when the first file comes."""
    file_memory_bytes: Annotated[int, Field(ge=256 * 1024 * 1024)] = 1024 * 1024 * 1024
    """Of address space that one of them may use."""
    remembered_file_characters: Annotated[int, Field(ge=0)] = 4_000_000
    """Of text read from files that is kept in memory, by digest, for when the same file is sent again; 0 keeps none."""
    heartbeat_seconds: Seconds = 15
    """After how long a client whose events are held back gets a sign of life, while the provider goes on sending."""
    max_placeholders: Count = 10_000
    """Values that may be tokenised in one exchange or session; what comes after is redacted."""
    max_sessions: Count = 10_000
    """Sessions whose placeholders are kept; beyond it the one used longest ago is forgotten."""
    session_seconds: Seconds = 3_600
    """How long placeholders of a session are kept after its last exchange."""


class Upstream(Section):
    """Calls to providers."""

    connect_timeout: Seconds = 5
    first_byte_timeout: Seconds = 120
    idle_timeout: Seconds = 60
    """The longest silence between two pieces of an answer."""
    total_timeout: Seconds = 900
    token_timeout: Seconds = 10
    """To fetch a token or a machine's credential (Entra, Google, AWS); one fetch is under way at a time."""
    keep_alive_timeout: Seconds = 30
    max_idle_connections: Count = 256
    """Kept open per provider for the next call."""
    max_connections: Count = 2_000
    """Open per provider at once; beyond it a call waits up to `connect_timeout`."""
    max_head_bytes: Bytes = 64 * 1024
    max_event_bytes: Bytes = 8 * 1024 * 1024
    max_answer_bytes: Bytes = 256 * 1024 * 1024
    max_events: Count = 1_000_000
    """Events that one streamed answer may have."""
    max_error_bytes: Bytes = 64 * 1024
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Targets of a route that one exchange may try, all before the first event."""
    stored_days: Annotated[float, Field(gt=0, le=3_650)] = 30
    """For how long a stored answer (`stored_state`) is known to the use case that made it; providers keep them as long."""
    ca_file: str = ""
    """A PEM bundle trusted beside the system's."""


class Routing(Section):
    """In which order deployments are tried, and when again."""

    strategy: Strategy = Strategy.WEIGHTED
    """How deployments of one `order` are arranged: `weighted`, `order`, `least_latency` or `adaptive`."""
    strategies: dict[Wildcard, Strategy] = {}
    """By the name or wildcard of a model, in place of `strategy`; the longest that fits counts."""
    failure_weight: Share = 0.6
    """How much the share of calls that failed counts in `adaptive`."""
    latency_weight: Share = 0.25
    """How much the time to the first event, of the slowest's, counts in `adaptive`."""
    price_weight: Share = 0.15
    """How much the price, of the dearest's, counts in `adaptive`."""
    retry_seconds: Annotated[float, Field(ge=0, le=600)] = 5
    """For how long after its first call an exchange may go its route again, before the first event; 0: never."""
    retry_share: Share = 0.1
    """How many repeats there may be for each exchange, over all of them."""
    check_seconds: Annotated[float, Field(ge=0, le=3_600)] = 10
    """How often it is looked whether anybody is at the addresses of deployments on the premises; 0: never."""


class Cache(Section):
    """Answers kept in memory to be given again, for use cases that ask for it."""

    max_entries: Count = 10_000
    """Answers kept; beyond any of these bounds the one given longest ago is forgotten."""
    max_bytes: Bytes = 64 * 1024 * 1024
    """What all of them may take."""
    max_answer_bytes: Bytes = 1024 * 1024
    """Of one answer; a longer one is not kept."""
    embedding_deployment: str = ""
    """Name of the deployment on premises, speaking `openai_embeddings`, that tells what texts mean; without one a cache that
    is `semantic` is an `exact` one."""
    embedding_timeout: Seconds = 2
    """How long it may take; then the answer is asked for as if nothing were kept."""
    embedding_pause: Seconds = 30
    """How long it is not asked after it has failed."""
    max_near: Annotated[int, Field(gt=0, le=1_000)] = 64
    """Texts in one place of one conversation that a new one is compared with; beyond it the one used longest ago goes."""
    max_vectors: Count = 4_096
    """What is kept of the meaning of texts, in all."""
    max_text_characters: Count = 4_000
    """Of a text that is compared."""
    sweep_seconds: Seconds = 60
    """How often those whose time is over are forgotten, so that none stays in memory for longer than this beyond it."""


class Traces(Section):
    """One row per exchange, written off the path."""

    queue: Count = 20_000
    """Rows waiting; beyond it rows are dropped and counted, and the audit log stays complete."""
    batch: Count = 200
    """Rows that are written together."""


class Logging(Section):
    """JSON logs on standard error; never text of prompts or answers, never secrets."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(Section):
    """Prometheus metrics at `/metrics`."""

    credential: Annotated[str, Field(pattern=r"^((file|env):.+)?$")] = ""
    """Where the bearer token lives that a scraper must show; empty: only callers on this machine are answered."""


class Demo(Section):
    """What a fresh installation offers."""

    enabled: bool = True
    """A demo use case with a virtual key, made at the first start, and a built-in demo model."""
    ollama_url: str = "http://127.0.0.1:11434"
    """Asked once at start; its models are offered if it answers. Empty: not asked."""
    ollama_timeout: Seconds = 0.3


class Settings(Section):
    """All settings. Objects declared here are shown as such and are read-only in the API."""

    data_dir: Path = Path("data")
    server: Server = Server()
    database: DatabaseSettings = DatabaseSettings()
    audit: Audit = Audit()
    identity: Identity = Identity()
    limits: Limits = Limits()
    dlp: Dlp = Dlp()
    upstream: Upstream = Upstream()
    routing: Routing = Routing()
    cache: Cache = Cache()
    traces: Traces = Traces()
    logging: Logging = Logging()
    metrics: Metrics = Metrics()
    demo: Demo = Demo()
    organisations: tuple[OrganisationSpec, ...] = ()
    teams: tuple[TeamSpec, ...] = ()
    use_cases: tuple[UseCaseSpec, ...] = ()
    keys: tuple[KeySpec, ...] = ()
    providers: tuple[ProviderSpec, ...] = ()
    deployments: tuple[DeploymentSpec, ...] = ()

    @property
    def database_url(self) -> str:
        """The database's address, with the default worked in."""
        return self.database.url or f"sqlite:///{(self.data_dir / 'sluicegate.db').resolve()}"


def load(environ: dict[str, str] | None = None, directory: Path | None = None) -> Settings:
    """The settings in force. Raises SettingsError, which names every setting that is wrong."""
    directory = directory or Path()
    found = {k: v for k, v in dotenv_values(directory / ".env").items() if v is not None}
    found.update(os.environ if environ is None else environ)
    named = found.pop(FILE_VARIABLE, None)
    tree = _read_file(directory / (named or DEFAULT_FILE), required=named is not None)
    for variable, value in found.items():
        if variable.startswith(PREFIX) and variable not in CLIENT_VARIABLES:
            _set(tree, variable, value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(dict(e)) for e in error.errors())) from None


def _read_file(path: Path, *, required: bool) -> dict[str, Any]:
    if not required and not path.exists():
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}: expected a mapping of settings")
    return tree


def _set(tree: dict[str, Any], variable: str, value: str) -> None:
    """Put one variable's value where its name says; a list or mapping is written as YAML."""
    path = variable.removeprefix(PREFIX).lower().split("__")
    place = tree
    for name in path[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise SettingsError(f"{variable}: {name} is no group of settings")
    place[path[-1]] = yaml.safe_load(value) if value[:1] in ("[", "{") else value


def _line(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown setting"
    return f"{where}: {error['msg']}"
