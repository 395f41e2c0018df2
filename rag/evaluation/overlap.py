"""When a passage counts as holding a piece of evidence: both are contiguous cuts of one file, white space ignored."""

from __future__ import annotations

CITATION_CHARACTERS = 8
"""A citation overlaps a quote that it shares this many characters with, or half of it when it is shorter."""


def squeeze(text: str) -> str:
    """Return the text without any white space."""
    return "".join(text.split())


def shared_characters(passage: str, quote: str) -> int:
    """Return how many characters of the quote the passage covers, as two cuts of one text can.

    One contains the other, or the end of one is the beginning of the other. A phrase that both merely use does
    not count: reports share too many of those.
    """
    passage, quote = squeeze(passage), squeeze(quote)
    if not passage or not quote:
        return 0
    if quote in passage:
        return len(quote)
    if passage in quote:
        return len(passage)
    return max(_joint(passage, quote), _joint(quote, passage))


def holds(passage: str, quote: str) -> bool:
    """Return whether a retrieved passage holds the quote, or at least half of one that spans its border."""
    return 0 < len(squeeze(quote)) <= 2 * shared_characters(passage, quote)


def touches(citation: str, quote: str) -> bool:
    """Return whether a cited quote overlaps the evidence quote by more than an accident."""
    needed = min(CITATION_CHARACTERS, (len(squeeze(quote)) + 1) // 2)
    return 0 < needed <= shared_characters(citation, quote)


def _joint(left: str, right: str) -> int:
    """Return the length of the longest end of ``left`` that is a beginning of ``right``."""
    longest = min(len(left), len(right)) - 1
    return next((length for length in range(longest, 0, -1) if left.endswith(right[:length])), 0)
