"""What a figure counts: the noun phrase before it (信访案件26件) or after it (26件信访案件). Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from rag import lexicon
from rag.facts.clauses import Place

LONGEST = 40
"""Characters of an indicator, at most; what is longer is a sentence."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a figure counts.

    Attributes:
        text: In the report's words.
        root: The thing that later clauses of the sentence may go on about.
        leans: True if ``text`` begins with what an earlier clause told.
    """

    text: str
    root: str
    leans: bool = False


@cache
def _cue(name: str) -> re.Pattern[str]:
    return re.compile(lexicon.load("facts")[name])


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
        known: The thing that earlier clauses of the sentence are about, or empty.
    """
    part = "其中" if _names_part(place) else ""
    bare = _without_tail(place.before)
    after = _noun_after(place.after)
    if known and _cue("outcome").match(bare):
        return Indicator(_joined(known, "", bare), known, leans=True)
    noun, verb = _noun_before(bare)
    if after and not place.shared and (not noun or _is_direct(place, after)):
        return Indicator(_marked(part, after), known if part and known else after)
    if noun:
        return Indicator(_marked(part, noun), known if part and known else noun)
    if after and not (known and verb and _cue("outcome").match(verb)):
        return Indicator(_marked(part, after), known if part and known else after)
    rest = verb or _said_after(place.after)
    return Indicator(_joined(known, part, rest), known or rest, leans=bool(known))


def _names_part(place: Place) -> bool:
    before = place.before.rstrip()
    return before.startswith("其中") or bool(_cue("part").search(before)) and place.follows


def _marked(part: str, noun: str) -> str:
    return noun if noun.startswith(part) else part + noun


def _joined(known: str, part: str, rest: str) -> str:
    rest = rest.strip("的、,: ")
    if rest.startswith(part):
        part = ""
    return known + part + rest


def _without_tail(text: str) -> str:
    return _cue("tail").sub("", text.strip())


def _without_head(text: str) -> str:
    return _cue("head").sub("", text, count=1) if _cue("head").match(text) else text


def _noun_before(text: str) -> tuple[str, str]:
    """Return the counted thing at the end of a text, and the verb that it would be the object of if it is missing."""
    if text.startswith("其中"):
        text = text[2:]
    cut, verb = 0, ""
    for match in _acts().finditer(text):
        if match.end() < len(text):
            cut = match.end()
        else:
            verb = match[0]
    noun = text[cut : len(text) - len(verb)] if verb and cut else text[cut:]
    if verb:
        return "", verb
    for _ in range(3):
        noun = _without_head(noun)
        match = _nominal_act().match(noun)
        if not match:
            break
        noun = noun[match.end() :]
    noun = _balanced(noun.strip("的、,: \"'"))
    if noun and _is_only_verb(noun):
        return "", noun
    return (noun[-LONGEST:], "") if noun else ("", "")


def _is_only_verb(noun: str) -> bool:
    return noun in lexicon.load("facts")["nominal_acts"] and len(noun) == 1


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
    return _balanced(noun.strip("、,: "))[:LONGEST] if len(noun.strip()) > 1 else ""


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
            text = text[text.rfind(opening) + 1 :] if text.rfind(opening) < len(text) / 2 else text[: text.rfind(opening)]
    return text.strip()
