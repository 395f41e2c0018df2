"""What a model wants put before a question and before a passage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Text put before each question and each passage, with its trailing space if it has one."""

    query: str = ""
    passage: str = ""


E5 = Prefixes("query: ", "passage: ")

_FAMILIES = (
    # https://huggingface.co/intfloat/multilingual-e5-large-instruct: only the question is instructed.
    (
        re.compile(r"\be5-.*(instruct|mistral)", re.IGNORECASE),
        Prefixes(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
        ),
    ),
    (re.compile(r"\be5-(small|base|large)", re.IGNORECASE), E5),
    # https://github.com/FlagOpen/FlagEmbedding: bge-m3 wants nothing, the older ones an instruction.
    (re.compile(r"\bbge-(small|base|large)-zh", re.IGNORECASE), Prefixes("为这个句子生成表示以用于检索相关文章：")),
    (
        re.compile(r"\bbge-(small|base|large)-en", re.IGNORECASE),
        Prefixes("Represent this sentence for searching relevant passages: "),
    ),
)
_QUERY_PROMPTS = ("query", "search_query")
_PASSAGE_PROMPTS = ("passage", "document", "search_document", "corpus")


def choose_prefixes(settings: Settings, model: str, prompts: Mapping[str, str | None] | None = None) -> Prefixes:
    """Return the prefixes: what the settings say, else what the model's own configuration says, else its family's.

    Args:
        settings: ``query_prefix`` and ``passage_prefix`` win, an empty string included.
        model: Name or folder of the model.
        prompts: Prompts defined in the model's configuration, by name; empty ones count as undefined.
    """
    defined = {name: prompt for name, prompt in (prompts or {}).items() if prompt}
    family = next((prefixes for pattern, prefixes in _FAMILIES if pattern.search(model)), Prefixes())
    if defined:
        family = Prefixes(_first(defined, _QUERY_PROMPTS), _first(defined, _PASSAGE_PROMPTS))
    return Prefixes(
        family.query if settings.query_prefix is None else settings.query_prefix,
        family.passage if settings.passage_prefix is None else settings.passage_prefix,
    )


def identity(model: str, settings: Settings, own: str | None = None) -> str:
    """Return the model's name, marked when passages get another prefix than its own: their vectors differ then.

    Args:
        model: Name of the model.
        settings: Where ``passage_prefix`` may be set.
        own: The prefix the model wants; None: not known without loading it, so any prefix set counts as another.
    """
    prefix = settings.passage_prefix
    return model if prefix is None or prefix == own else f"{model}+passage={prefix!r}"


def _first(prompts: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((prompts[name] for name in names if name in prompts), "")
