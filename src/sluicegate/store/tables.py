"""Every table, in one place. Migrations are generated from this module and a test holds the two together.

Times are seconds since the epoch (float) or nanoseconds (`*_ns`, integer). Money is nano-dollars. JSON columns hold what
the API shows. `origin` says who owns a row: `file` rows are declared in the settings and read-only in the API.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _owned() -> tuple[Column[str], Column[float], Column[float]]:
    return (
        Column("origin", String(8), nullable=False),
        Column("created_at", Float, nullable=False),
        Column("updated_at", Float, nullable=False),
    )


organisation = Table(
    "organisation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    *_owned(),
)

team = Table(
    "team",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("budgets", JSON, nullable=False),
    *_owned(),
    UniqueConstraint("organisation_id", "name"),
)

user = Table(
    "user_account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("active", Boolean, nullable=False),
    *_owned(),
)
"""Administrators. Without an organisation the user administers the whole installation."""

session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("user_account.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("ended_at", Float, nullable=True),
)

use_case = Table(
    "use_case",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=False),
    Column("team_id", ForeignKey("team.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("classification", String(16), nullable=False),
    Column("system_prompt", Text, nullable=True),
    Column("system_mode", String(8), nullable=False),
    Column("models", JSON, nullable=False),
    Column("features", JSON, nullable=False),
    Column("tools", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("guardrail", String(128), nullable=False),
    Column("regions", JSON, nullable=False, default=list),
    Column("aliases", JSON, nullable=False, default=dict),
    Column("over_budget", String(8), nullable=False, default="refuse"),
    Column("cache", JSON, nullable=False, default=dict),
    Column("rate", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("own_credentials", Boolean, nullable=False, default=False),
    *_owned(),
    UniqueConstraint("organisation_id", "name"),
)

guardrail = Table(
    "guardrail",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=True),
    Column("name", String(128), nullable=False),
    Column("document", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_by", String(256), nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "organisation_id"),
)
"""Guardrail policies beside the file's. A row is one version of one policy and never changes: every change is a new version,
and the last one counts, unless it is not active. Without an organisation it is everybody's. `document` is the policy as it
was written, `rules` of its own included."""

virtual_key = Table(
    "virtual_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("hint", String(4), nullable=False),
    Column("name", String(128), nullable=False),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=False),
    Column("team_id", ForeignKey("team.id"), nullable=False),
    Column("use_case_id", ForeignKey("use_case.id"), nullable=False),
    Column("principal", String(160), nullable=False),
    Column("rate", JSON, nullable=False),
    Column("budgets", JSON, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("revoked_at", Float, nullable=True),
    Column("rotated_to", String(32), nullable=True),
    *_owned(),
    Index(None, "use_case_id"),
    Index(None, "organisation_id"),
)

provider = Table(
    "provider",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("dialects", JSON, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("credential", Text, nullable=True),
    Column("credentials", JSON, nullable=False, default=list),
    Column("headers", JSON, nullable=False),
    Column("place", String(16), nullable=False),
    Column("region", String(64), nullable=False),
    Column("preset", String(64), nullable=True),
    Column("paths", JSON, nullable=True),
    Column("query", JSON, nullable=True),
    Column("auth", JSON, nullable=True),
    Column("client_headers", JSON, nullable=True),
    Column("quirks", JSON, nullable=True),
    *_owned(),
)

deployment = Table(
    "deployment",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("model", String(128), nullable=False),
    Column("provider", ForeignKey("provider.name"), nullable=False),
    Column("upstream_model", String(256), nullable=False),
    Column("place", String(16), nullable=False),
    Column("region", String(64), nullable=False),
    Column("order", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("max_output_tokens", Integer, nullable=False),
    Column("rate", JSON, nullable=False, default=dict),
    Column("quirks", JSON, nullable=True),
    Column("price", JSON, nullable=True),
    *_owned(),
    Index(None, "model"),
)

listed_price = Table(
    "listed_price",
    metadata,
    Column("provider", String(128), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("price", JSON, nullable=True),
)
"""What the price list (`source` names it with its version) says of a model; a null price is a known unknown."""

spending = Table(
    "spending",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("window", String(16), primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("nano_usd", BigInteger, nullable=False),
)
"""What was settled per scope (`key:<id>`, `team:<id>`) and window, a UTC day (`2026-11-21`), always in the same transaction
as the outcome entry that it belongs to. Months and the whole are sums of days."""

stored_answer = Table(
    "stored_answer",
    metadata,
    Column("use_case_id", String(32), primary_key=True),
    Column("answer_id", String(128), primary_key=True),
    Column("organisation_id", String(32), nullable=False),
    Column("model", String(512), nullable=False),
    Column("provider", String(128), nullable=False),
    Column("account", Text, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Index(None, "at"),
)
"""Whose an answer is that a provider keeps, and where: the model asked for, the provider, and the reference of the
credential it was made with. The row is durable before a client learns the answer's id. `tokens` are those that it
brings along into a request that follows it."""

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("log_index", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("exchange_id", String(32), nullable=True),
    Column("organisation_id", String(32), nullable=True),
    Index(None, "exchange_id"),
)
"""`body` holds the canonical bytes that were hashed; the other columns repeat what it says, for filters, and `verify`
compares them."""

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("open_intents", LargeBinary, nullable=False),
)
"""A signed checkpoint, and what else must be kept at that size, each packed: `frontier`, the hashes from which the tree
grows on; `leaves`, the leaf hashes since the checkpoint before, which the signed root protects, so that a changed entry
can be named; `open_intents`, the indexes (8 bytes, big-endian) of intents without an outcome: what a crash leaves open."""

trace = Table(
    "trace",
    metadata,
    Column("exchange_id", String(32), primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("organisation_id", String(32), nullable=True),
    Column("team_id", String(32), nullable=True),
    Column("use_case_id", String(32), nullable=True),
    Column("key_id", String(32), nullable=True),
    Column("principal", String(160), nullable=True),
    Column("surface", String(64), nullable=False),
    Column("model", String(128), nullable=True),
    Column("deployment", String(128), nullable=True),
    Column("place", String(16), nullable=True),
    Column("stream", Boolean, nullable=True),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("reasoning_tokens", Integer, nullable=False),
    Column("nano_usd", BigInteger, nullable=False),
    Column("latency_us", BigInteger, nullable=False),
    Column("first_event_us", BigInteger, nullable=True),
    Column("finish", String(64), nullable=True),
    Column("detail", JSON, nullable=False),
    sqlite_with_rowid=False,
)
"""Ids sort by time, so the one tree that SQLite keeps of this table is also its index by time."""
