"""What a figure counts: the noun phrase before it (信访案件26件) or after it (26件信访案件). Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, partial

from rag import lexicon
from rag.facts.clauses import JOINT, Place

PART = "其中"
LONGEST = 40
"""Characters of an indicator, at most; what is longer is a sentence."""


MONEY = re.compile(r"元$")


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a figure counts.

    Attributes:
        parts: In the report's words, folded; several where a clause goes on about a thing told before it.
        root: The thing that later clauses may go on about.
        leans: True if the first part was told in an earlier clause.
    """

    parts: tuple[str, ...]
    root: str
    leans: bool = False

    @property
    def text(self) -> str:
        """All of it, folded; empty where the clause names nothing."""
        text = "".join(self.parts).removeprefix(PART)
        return "" if _cue("connective").match(text) else "".join(self.parts)


_cue = partial(lexicon.cue, "facts")


@cache
def _acts() -> re.Pattern[str]:
    """Match the verbs whose object is counted, where nothing after them makes them a noun."""
    words = lexicon.load("facts")
    verbs = "|".join(sorted(map(re.escape, words["acts"]), key=len, reverse=True))
    return re.compile(rf"(?:{verbs})(?:了|过|起|出|各类|各种)?(?!{words['bound']})")


@cache
def _nominal_act() -> re.Pattern[str]:
    words = lexicon.load("facts")
    verbs = "|".join(sorted(map(re.escape, words["nominal_acts"]), key=len, reverse=True))
    return re.compile(rf"(?:{verbs})(?:了|过|起|出|各类|各种)?(?!{words['bound']}|{words['bound_nominal']})(?=.{{2}})")


def indicator_of(place: Place, known: str) -> Indicator:
    """Return what a figure counts.

    Args:
        place: The figure in its clause.
        known: The thing that earlier clauses are about, or empty.
    """
    part = PART if _names_part(place) else ""
    before = place.before.strip(" 、")
    if part and not before.startswith(PART):
        before = _cue("part").sub("", before)
    if known and is_outcome(before):
        return Indicator((known, _without_tail(before)), known, leans=True)
    if known and _cue("bare_year").match(before):
        return Indicator((known,), known, leans=True)
    noun, verb = _noun_before(before)
    after = "" if place.shared and is_transition(place.after) else _noun_after(place.after)
    shared = place.shared and after == place.after.strip()
    whose, of, _ = after.partition("的")
    if shared and of and whose:
        after, shared = whose, False
    if after and verb and not noun and MONEY.search(place.figure.unit):
        return Indicator((verb, after), verb + after)
    if after and not shared and (not noun or _is_direct(place, after)):
        return _own(part, after, known)
    if noun or verb and not after and before != verb:
        return _own(part, noun or _without_heads(before), known)
    if after and not (known and verb and is_outcome(verb)):
        return _own(part, after, known)
    rest = verb or _said_after(place.after)
    said = _cue("all_of").match(rest)
    if said and not part:
        return _own("", rest[said.end() :], "")
    return Indicator(tuple(filter(None, (known, part, rest.removeprefix(part)))), known or rest, leans=bool(known))


def is_transition(text: str) -> bool:
    """Tell whether the text between two figures leads from an earlier state to a later one: 由92名增加到115名."""
    return _cue("transition").search(text.strip()) is not None


def says_nothing(place: Place) -> bool:
    """Tell whether a figure only continues the one before it: 97.1%和95.6%, 2次共45人次."""
    before = JOINT.sub("", place.before.strip(" 、"))
    return place.follows and not _without_tail(before) and not _noun_after(place.after)


def _own(part: str, noun: str, known: str) -> Indicator:
    parts = (noun,) if noun.startswith(part) else (part, noun)
    return Indicator(parts if part else (noun,), known if part and known else noun)


def is_outcome(text: str) -> bool:
    """Tell whether a text before a figure only says what became of a thing: 结案, 其中和解, 比上年下降."""
    text = text.removeprefix(PART).strip()
    return any(form and _cue("outcome").match(form) for form in (text, _without_tail(text)))


def _names_part(place: Place) -> bool:
    before = place.before.rstrip()
    return before.startswith(PART) or bool(_cue("part").search(before)) and place.follows


def _without_tail(text: str) -> str:
    return _cue("tail").sub("", text.strip())


def _without_heads(text: str) -> str:
    """Take off the words at the beginning that do not belong to the thing, verbs of the second kind included."""
    for _ in range(3):
        text = _cue("head").sub("", text, count=1) if _cue("head").match(text) else text
        match = _nominal_act().match(text)
        if not match:
            break
        text = text[match.end() :]
    return _stripped(text)


def _noun_before(text: str) -> tuple[str, str]:
    """Return the counted thing at the end of a text, and the verb that the text ends with where it names no thing."""
    text = text.removeprefix(PART)
    verbs = list(_acts().finditer(text))
    if verbs and verbs[-1].end() == len(text):
        return "", verbs[-1][0]
    text = _without_tail(text)
    ends = {0, *(match.end() for match in (*verbs, *_cue("of_year").finditer(text)) if match.end() < len(text))}
    nominal = lexicon.load("facts")["nominal_acts"]
    noun = ""
    for cut in sorted(ends, reverse=True):
        noun = _without_heads(text[cut:])
        if noun and (noun not in nominal or len(text) > LONGEST):
            break
    return ("", noun) if noun in nominal else (noun[-LONGEST:], "")


def _stripped(text: str) -> str:
    text = text.strip("的、,: ")
    if text.count('"') % 2:
        text = text.removeprefix('"') if text.startswith('"') else text.removesuffix('"')
    return _balanced(text)


def _noun_after(text: str) -> str:
    """Return the thing that a text right after a figure names, or nothing where it goes on to say something of it."""
    text = text.lstrip()
    if text.startswith("的"):
        text = text[1:]
    relation = _cue("relation").search(text)
    if relation and relation.start() <= 12 and not _cue("stop").match(text):
        return text[: relation.end()]
    stop = _cue("stop").search(text)
    noun = text[: stop.start()] if stop else text
    alone = len(noun.strip()) == 1 and not re.match(r"[^,，。;；、]", text[1:])
    return _stripped(noun)[:LONGEST] if len(noun.strip()) > 1 or alone else ""


def _is_direct(place: Place, after: str) -> bool:
    """Tell whether the figure counts what follows although a noun stands before: 对街道22名法治带头人."""
    return bool(after) and not _cue("outcome").match(after) and not place.after.startswith((" ", "的"))


def _said_after(text: str) -> str:
    """Return what a clause says of a figure that it names by nothing: 30件正在受理之中."""
    return re.split(r"、", text.strip())[0][:16].strip()


def _balanced(text: str) -> str:
    """Take off what opens or closes a bracket whose partner is cut off."""
    for opening, closing in ("()", "（）", "《》", "“”"):
        if text.count(opening) < text.count(closing):
            text = text[text.rfind(closing) + 1 :] or text.replace(closing, "")
        elif text.count(opening) > text.count(closing):
            text = (
                text[text.rfind(opening) + 1 :] if text.rfind(opening) < len(text) / 2 else text[: text.rfind(opening)]
            )
    return text.strip()
