"""The chat model, reached through LangChain: streamed, bounded in time and number, tried again where that may help."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.chunking import count_tokens
from rag.errors import SettingsError
from rag.generation.failure import PASSING, ModelFailure, failure_of
from rag.generation.prompts import Messages
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

FIRST_BACK_OFF = 0.5
"""Seconds before the first new try; doubled each time, unless the server names its own."""
MARGIN = 1.15
"""Tokenizers differ: another model's may need so many times the tokens that tiktoken counts."""
COMPLETE = ("stop", "end_turn", "eos")
TOO_LONG = ("length", "max_tokens")
DECLINED = ("content_filter", "refusal", "safety")


@dataclass
class Meter:
    """Counts what calls cost; thread-safe. Tokens are counted by tiktoken, whatever the model's own tokenizer."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, messages: Messages, reply: str) -> None:
        """Count a call."""
        with self._lock:
            self.calls += 1
            self.tokens_in += messages.tokens
            self.tokens_out += count_tokens(reply)


class ChatModel:
    """A chat model by its name in the settings.

    Args:
        settings: With ``llm_model`` set.

    Raises:
        SettingsError: LangChain knows no such provider, or its package is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = settings.llm_model or ""
        self.timeout = settings.llm_timeout_s
        self.parallel = settings.llm_parallel
        self._prompt_tokens = settings.llm_context_tokens - settings.llm_answer_tokens
        self._retries = settings.llm_retries
        self._model = _connect(settings)
        self._free = threading.BoundedSemaphore(settings.llm_parallel)

    def room(self, empty: Messages) -> int:
        """Return how many of tiktoken's tokens sources may take in a prompt that is without them yet."""
        return int((self._prompt_tokens - empty.tokens) / MARGIN)

    def deadline(self) -> float:
        """Return when a call that begins now must have ended, on the monotonic clock."""
        return time.monotonic() + self.timeout

    def complete(self, messages: Messages, deadline: float, meter: Meter) -> str:
        """Return a whole reply.

        Raises:
            ModelFailure: there was none, or not in time.
        """
        return "".join(self.stream(messages, deadline, meter))

    def stream(self, messages: Messages, deadline: float, meter: Meter) -> Iterator[str]:
        """Yield a reply piece by piece as it comes.

        The server is read in a thread, so that the deadline holds even where it keeps the line open and says nothing.

        Raises:
            ModelFailure: the reply broke off, was refused or cut, or did not end in time.
        """
        pieces: queue.Queue[str | ModelFailure | None] = queue.Queue()
        stopped = threading.Event()
        reader = threading.Thread(target=self._read, args=(messages, deadline, pieces, stopped), daemon=True)
        reader.start()
        said = []
        try:
            while (piece := self._next(pieces, deadline)) is not None:
                said.append(piece)
                yield piece
        finally:
            stopped.set()
            meter.add(messages, "".join(said))
        if not "".join(said).strip():
            raise ModelFailure("empty", "the reply has no text")

    @staticmethod
    def _next(pieces: queue.Queue[str | ModelFailure | None], deadline: float) -> str | None:
        try:
            piece = pieces.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise ModelFailure("timeout", "no whole reply in time") from None
        if isinstance(piece, ModelFailure):
            raise piece
        return piece

    def _read(
        self,
        messages: Messages,
        deadline: float,
        pieces: queue.Queue[str | ModelFailure | None],
        stopped: threading.Event,
    ) -> None:
        """Read a reply into the queue, ended by None or by what went wrong."""
        if not self._free.acquire(timeout=max(0.0, deadline - time.monotonic())):
            pieces.put(ModelFailure("timeout", "every permitted call was under way"))
            return
        try:
            self._try(messages, deadline, pieces, stopped)
            pieces.put(None)
        except ModelFailure as failure:
            pieces.put(failure)
        finally:
            self._free.release()

    def _try(
        self,
        messages: Messages,
        deadline: float,
        pieces: queue.Queue[str | ModelFailure | None],
        stopped: threading.Event,
    ) -> None:
        for attempt in range(self._retries + 1):
            begun = False
            try:
                for piece in self._call(messages, stopped):
                    begun = True
                    pieces.put(piece)
                return
            except Exception as error:  # every provider's client raises its own
                failure = failure_of(error)
                if begun and failure.kind == "unreachable":
                    failure = ModelFailure("broken", "the connection was lost in mid-answer")
                wait = failure.retry_after if failure.retry_after is not None else FIRST_BACK_OFF * 2**attempt
                late = time.monotonic() + wait >= deadline
                if begun or failure.kind not in PASSING or attempt == self._retries or late or stopped.wait(wait):
                    raise failure from error

    def _call(self, messages: Messages, stopped: threading.Event) -> Iterator[str]:
        reason = ""
        for chunk in self._model.stream([("system", messages.system), ("user", messages.user)]):
            if stopped.is_set():
                return
            if chunk.additional_kwargs.get("refusal"):
                raise ModelFailure("declined", "the model refused")
            metadata = chunk.response_metadata
            reason = str(metadata.get("finish_reason") or metadata.get("stop_reason") or reason)
            reason = str(metadata.get("done_reason") or reason)
            if text := str(chunk.text):
                yield text
        if reason in TOO_LONG:
            raise ModelFailure("cut", "the reply reached the token limit")
        if reason in DECLINED:
            raise ModelFailure("declined", f"the server ended the reply ({reason})")
        if not reason:
            raise ModelFailure("broken", "the reply ended without saying that it was complete")


def _connect(settings: Settings) -> BaseChatModel:
    """Build the LangChain model; no call is made."""
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"temperature": 0.0}
    if settings.llm_base_url:
        options["base_url"] = settings.llm_base_url
    if settings.llm_api_key:
        options["api_key"] = settings.llm_api_key.get_secret_value()
    if settings.llm_provider == "openai":
        options |= {"timeout": settings.llm_timeout_s, "max_retries": 0, "max_tokens": settings.llm_answer_tokens}
        if settings.llm_base_url:
            # A key for the hosted service, left in the environment, must not go to another server.
            options.setdefault("api_key", "none")
            options |= _without_proxy(settings.llm_base_url)
    try:
        model: BaseChatModel = init_chat_model(
            settings.llm_model or "", model_provider=settings.llm_provider, configurable_fields=None, **options
        )
        return model
    except Exception as error:  # LangChain and each provider's package raise their own
        raise SettingsError(
            f"The chat model RAG_LLM_MODEL={settings.llm_model!r} of RAG_LLM_PROVIDER={settings.llm_provider!r} cannot "
            f"be used ({type(error).__name__}). Check both names, RAG_LLM_BASE_URL and RAG_LLM_API_KEY, and that the "
            f"package langchain-{settings.llm_provider} is installed; unset RAG_LLM_MODEL for answers without a model."
        ) from error


def _without_proxy(address: str) -> dict[str, Any]:
    """Go straight to a server on this machine, whatever proxy the environment names."""
    if urlsplit(address).hostname not in ("127.0.0.1", "localhost", "::1"):
        return {}
    from openai import DefaultHttpxClient

    return {"http_client": DefaultHttpxClient(trust_env=False)}
