"""What a question puts in two ways or more, any of which is enough: brackets, lists, "or"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from rag import lexicon
from rag.retrieval.matching import KIND_WEIGHT, Weighted

ASIDE = lexicon.cue("asked", "aside")
ALTERNATIVES = lexicon.cue("asked", "alternatives")
LISTED = "、"
LINKED = 2
"""Characters of Chinese between an "or" and the other choice, at most."""
LINKING = frozenset(str(word) for word in lexicon.load("questions")["stop"]["en"])
POSTS = frozenset(lexicon.load("asked")["posts"])


def merge_asides(lowered: str, weighted: Sequence[Weighted]) -> list[Weighted]:
    """Make one concept of a thing and what stands in brackets after it: 社区律师（法律顾问）."""
    merged = list(weighted)
    for match in ASIDE.finditer(lowered):
        before = [item for item in merged if 0 <= item.concept.start < match.start()]
        beside = [item for item in merged if match.start() <= item.concept.start < match.end()]
        if before and beside:
            merged = [item for item in merged if item is not before[-1] and item not in beside]
            merged.append(reduce(_either, beside, before[-1]))
            merged.sort(key=lambda item: item.concept.start)
    return merged


def merge_alternatives(lowered: str, weighted: Sequence[Weighted]) -> list[Weighted]:
    """Make one concept of the two on either side of an "or", or in a list: either is enough."""
    merged = list(weighted)
    for match in ALTERNATIVES.finditer(lowered):
        before = [item for item in merged if 0 <= item.concept.start < match.start()]
        after = [item for item in merged if item.concept.start >= match.end()]
        listed = match[0] != LISTED or _adjoin(before, match.span(), after)
        if before and after and listed and _is_linking(lowered[match.end() : after[0].concept.start]):
            other = after[1] if len(after) > 1 and _only_qualifies(after[0], after[1]) else after[0]
            merged = [item for item in merged if item not in (before[-1], other)]
            # 换了书记或者主任: the post is an object of what was done, not another thing done.
            is_object = POSTS & set(other.concept.words) and not POSTS & set(before[-1].concept.words)
            merged.append(before[-1] if is_object else _either(before[-1], other))
            merged.sort(key=lambda item: item.concept.start)
    return merged


def _adjoin(before: Sequence[Weighted], span: tuple[int, int], after: Sequence[Weighted]) -> bool:
    """Tell whether two concepts stand on either side of a span with nothing between."""
    if not before or not after:
        return False
    first, other = before[-1].concept, after[0].concept
    return first.start + len(first.name) == span[0] and other.start == span[1]


def _is_linking(text: str) -> bool:
    """Tell whether nothing that says something stands in a text (被, in the): what follows it is the other choice."""
    return all(word in LINKING for word in re.findall("[a-z'-]+", text)) and len(re.findall("[一-鿿]", text)) <= LINKED


def _only_qualifies(item: Weighted, following: Weighted) -> bool:
    """Tell whether a word says little before the one that it adjoins (村 in 村章程)."""
    adjoins = item.concept.start + len(item.concept.name) == following.concept.start
    return adjoins and item.concept.kind == "light" and following.concept.kind != "light"


def _either(first: Weighted, second: Weighted) -> Weighted:
    concept, other = first.concept, second.concept
    surer = first if KIND_WEIGHT[concept.kind] >= KIND_WEIGHT[other.kind] else second
    if surer.concept.is_term and "light" in (concept.kind, other.kind):
        return surer  # what is everywhere would be enough by itself (示范村或者社区)
    words = tuple(sorted({*concept.words, *other.words}, key=lambda word: (-len(word), word)))
    return Weighted(
        replace(
            concept,
            name=f"{concept.name}/{other.name}",
            words=words,
            kind=surer.concept.kind,
            affirms=_any_of(concept.affirms, other.affirms),
            denies=_any_of(concept.denies, other.denies),
            stated=(*concept.stated, *other.stated),
        ),
        min(first.weight, second.weight) if concept.kind == other.kind else surer.weight,
    )


def _any_of(first: re.Pattern[str] | None, second: re.Pattern[str] | None) -> re.Pattern[str] | None:
    patterns = [pattern.pattern for pattern in (first, second) if pattern]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None
