"""Prompts: Markdown files with a system and a user part, their variables checked when they are loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.chunking import count_tokens
from rag.errors import SettingsError

FOLDER = Path(__file__).parents[2] / "prompts"
VARIABLES: Mapping[str, frozenset[str]] = {
    "answer.zh": frozenset({"example", "refusal", "sources", "question"}),
    "answer.en": frozenset({"example", "refusal", "sources", "question"}),
    "judge.zh": frozenset({"question", "report", "sources"}),
    "judge.en": frozenset({"question", "report", "sources"}),
    "rewrite.zh": frozenset({"history", "question"}),
    "rewrite.en": frozenset({"history", "question"}),
    "terms.en": frozenset({"question", "terms"}),
}
"""The prompts by the question's language, with the variables that each must name and may name.

Terms are translated for English questions only.
"""
VARIABLE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
PARTS = re.compile(r"\s*<!-- system -->\n(?P<system>.+?)\n<!-- user -->\n(?P<user>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Messages:
    """What is sent to the model."""

    system: str
    user: str

    @property
    def tokens(self) -> int:
        """Its length in tiktoken's tokens."""
        return count_tokens(self.system) + count_tokens(self.user)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt with its variables still open.

    Attributes:
        name: File name without ``.md``.
        system: Instructions.
        user: The data part.
    """

    name: str
    system: str
    user: str

    def fill(self, **values: str) -> Messages:
        """Put the values in, in one pass: a value that looks like a variable stays as it is."""
        return Messages(_filled(self.system, values).strip(), _filled(self.user, values).strip())


def load_prompts(folder: Path = FOLDER) -> dict[str, Prompt]:
    """Load every prompt.

    Raises:
        SettingsError: a file is missing or has no two parts, or names a variable that it should not, or leaves one out.
    """
    return {name: load_prompt(folder / f"{name}.md", variables) for name, variables in VARIABLES.items()}


def load_prompt(path: Path, variables: frozenset[str]) -> Prompt:
    """Load one prompt and check its variables.

    Raises:
        SettingsError: the file is unusable; the message names it and what to mend.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The prompt {path} cannot be read: {error}. Restore it.") from error
    parts = PARTS.fullmatch(text)
    if not parts:
        raise SettingsError(f"The prompt {path} needs a part <!-- system --> and then a part <!-- user -->.")
    named = set(VARIABLE.findall(text))
    unknown, missing = sorted(named - variables), sorted(variables - named)
    if unknown or missing:
        problems = [f"unknown {', '.join(unknown)}"] * bool(unknown) + [f"missing {', '.join(missing)}"] * bool(missing)
        raise SettingsError(
            f"The prompt {path} has wrong variables: {'; '.join(problems)}. "
            f"It must name just these, in double braces: {', '.join(sorted(variables))}."
        )
    return Prompt(path.stem, parts["system"], parts["user"])


def _filled(text: str, values: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda match: values[match[1]], text)
