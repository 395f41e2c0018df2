"""What OpenAI clients send: the part of the Chat Completions request that means something here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rag.api.requests import Scope
from rag.types import Turn

SOURCES = "\n\n---\n\n- [1] "
"""How the list of sources begins in an answer's text; it is no part of what was said."""

Said = Annotated[str, StringConstraints(max_length=200_000)]


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: Said | None = None


class ChatMessage(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Said | list[Part] | None = None

    def text(self) -> str:
        """Return its text, without the list of sources of an earlier answer."""
        parts = [part.text or "" for part in self.content] if isinstance(self.content, list) else [self.content or ""]
        return "\n".join(parts).partition(SOURCES)[0].strip()


class StreamOptions(BaseModel):
    """How to stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A Chat Completions request; fields that mean nothing here (temperature, tools, …) are passed over.

    ``filters`` is an addition: what the question is restricted to.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "rag", "messages": [{"role": "user", "content": "哪些街道不具备行政执法权？"}]}]
        }
    )

    model: str = Field(max_length=200)
    messages: list[ChatMessage] = Field(min_length=1, max_length=500)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    filters: Scope = Scope()

    def question(self) -> str | None:
        """Return the last message if a user wrote it; instructions after it are passed over."""
        said = self._said()
        return said[-1].text() if said and said[-1].role == "user" else None

    def turns(self) -> tuple[Turn, ...]:
        """Return what was said before as turns: each question with the answer that followed it."""
        turns: list[Turn] = []
        for message in self._said()[:-1]:
            if message.role == "user":
                turns.append(Turn(message.text(), ""))
            elif turns:
                turns[-1] = Turn(turns[-1].question, f"{turns[-1].answer}\n{message.text()}".strip())
        return tuple(turn for turn in turns if turn.question)

    def _said(self) -> list[ChatMessage]:
        return [message for message in self.messages if message.role in ("user", "assistant")]
