"""Bytes to text: strict decoding in order of proof, judged by how plausible the result is."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import islice

from charset_normalizer import from_bytes

from rag.errors import DamagedFile

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "hz": "gb18030", "big5": "cp950", "latin_1": "cp1252"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f\ufffe\uffff]")
_CONTROLS_ALLOWED = 0.005
_PLAUSIBLE = 0.75
_SAMPLE = 20_000  # characters judged
_PRINTED = re.compile(
    "[\u2010-\u203b\u2160-\u217f\u2190-\u21ff\u2460-\u24ff\u2500-\u25ff\u3000-\u303f\uff01-\uff5e\uffe5·×°§±]"
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text and the name of the encoding it was stored in."""

    text: str
    encoding: str


def decode(data: bytes, source: str, declared: str | None = None) -> Decoded:
    """Decode a text file whose encoding may be declared, wrongly declared or unknown.

    Args:
        data: The whole file.
        source: The file's name, for the error.
        declared: Encoding that the file claims for itself.

    Returns:
        The text and the encoding it was stored in.

    Raises:
        DamagedFile: the bytes are not text, or are cut off or corrupted in a known encoding.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_marked(data[len(mark) :], encoding, source)
    text = _strict(data, "utf-8")
    if text is not None and not _is_chance_utf8(data, text):
        return Decoded(text, "utf-8")
    guess = _most_plausible(data, declared)
    if guess is not None:
        return guess
    _refuse_corrupted(data, source)
    guess = _last_resort(data)
    if guess is None:
        raise DamagedFile(f"{source!r} is not a text file: its bytes are text in no known encoding. Export it as text.")
    return guess


def plausibility(text: str) -> float:
    """Return the share of non-ASCII characters that are everyday Chinese or its punctuation, from 0 to 1."""
    visible = (character for character in text if ord(character) > 127 and not character.isspace())
    others = list(islice(visible, _SAMPLE))
    if not others:
        return 1.0
    return sum(map(_is_everyday, others)) / len(others)


def _is_everyday(character: str) -> bool:
    if _PRINTED.match(character):
        return True
    # The first plane of both standards holds the characters in common use: GB/T 2312 rows 16-55, Big5 A440-C67E.
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        try:
            if first <= character.encode(encoding)[0] <= last:
                return True
        except UnicodeEncodeError:
            continue
    return False


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    return text if len(_CONTROL.findall(text)) <= _CONTROLS_ALLOWED * len(text) else None


def _is_chance_utf8(data: bytes, text: str) -> bool:
    """Two-byte UTF-8 sequences alone may be a few GBK characters; Chinese in UTF-8 takes three bytes each."""
    if text.isascii() or max(text) > "\u07ff" or any("a" <= character.lower() <= "z" for character in text):
        return False
    rival = _strict(data, "gb18030")
    return rival is not None and plausibility(rival) >= _PLAUSIBLE


def _decode_marked(data: bytes, encoding: str, source: str) -> Decoded:
    text = _strict(data, encoding)
    if text is None:
        raise DamagedFile(
            f"{source!r} begins as {encoding.upper()} text but holds bytes that are not, or ends inside a character: "
            "it is damaged or cut off. Get the file again, or save it as UTF-8."
        )
    return Decoded(text, encoding)


def _most_plausible(data: bytes, declared: str | None) -> Decoded | None:
    """Try the encodings of Chinese text; the most plausible wins, earlier ones where equal."""
    best: Decoded | None = None
    best_score = _PLAUSIBLE
    for encoding in (_codec_name(declared), "gb18030", "utf-16-le", "utf-16-be", "cp950"):
        text = _strict(data, encoding) if encoding else None
        if not text:
            continue
        score = plausibility(text)
        if score > best_score or (best is None and score >= best_score):
            best, best_score = Decoded(text, encoding), score
    return best


def _codec_name(declared: str | None) -> str:
    try:
        name = codecs.lookup((declared or "").strip()).name.replace("-", "_")
    except (LookupError, ValueError):
        return ""
    return _SUPERSETS.get(name, name)


def _refuse_corrupted(data: bytes, source: str) -> None:
    """Name the place where otherwise plausible text breaks, rather than guess at it."""
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        text = data.decode(encoding, errors="replace")
        holes = text.count("\ufffd")
        others = sum(1 for character in text if ord(character) > 127)
        if not 0 < holes <= max(1, 0.05 * others) or len(_CONTROL.findall(text)) > _CONTROLS_ALLOWED * len(text):
            continue
        if others > holes and plausibility(text.replace("\ufffd", "")) >= _PLAUSIBLE:
            line = text[: text.index("\ufffd")].count("\n") + 1
            raise DamagedFile(
                f"{source!r} is {encoding.upper()} text that is cut off or damaged in line {line}. "
                "Get the file again, or mend that line and save it as UTF-8."
            )


def _last_resort(data: bytes) -> Decoded | None:
    if _CONTROL.search(data[:4096].decode("latin-1")):
        return None
    best = from_bytes(data[:200_000]).best()
    if best is None:
        return None
    text = _strict(data, best.encoding)
    return Decoded(text, best.encoding) if text is not None else None
