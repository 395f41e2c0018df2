"""Names of sub-district offices, towns and townships: found in text, made canonical, and in their other forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.folding import fold
from rag.lexicon import load

_LEXICON = load("structure")
_ENDINGS: dict[str, list[str]] = _LEXICON["office_endings"]
_FORMS = {entry["kind"]: entry for entry in _LEXICON["offices"]}
_KIND_OF = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings}
_ENDING = re.compile("|".join(sorted(_KIND_OF, key=len, reverse=True)))
_PRONOUNS = re.compile(f"(?:{'|'.join(_LEXICON['not_names']['repeatable'])})+")
_NOT_NAMES = frozenset(_LEXICON["not_names"]["whole"])
_STOPPER = re.compile("|".join(map(re.escape, _LEXICON["name_stoppers"])))
_BEFORE = re.compile(f"(?:{_LEXICON['before_office']})+")
_MARK = re.compile("|".join(_LEXICON["region_marks"]))
_NOT_REGIONS = tuple(_LEXICON["not_regions"]["endings"])
_NO_REGIONS = frozenset(_LEXICON["not_regions"]["whole"])
_BARE_OFFICE = re.compile(_LEXICON["bare_office"])
_GOVERNMENT = re.compile(_LEXICON["government"])
_YEAR = re.compile("(?:[0-9〇][一二三四五六七八九]{0,2}|[二三][一二三四五六七八九零]{3})年度?")
_RUN = re.compile("[一-鿿]+$")

_LONGEST_NAME = 6
_LONGEST_ETHNIC_NAME = 10
_LONGEST_REGION = 9
_LONGEST_RUN = 40


@dataclass(frozen=True, slots=True)
class OfficeName:
    """An office named in a text, simplified whatever the script it stands in.

    Attributes:
        stem: The name itself: 新华 of 新华街道办事处.
        kind: ``街道``, ``地区``, ``镇`` or ``乡``.
        region: District, county or city named right before it, or None.
        start: Where it begins, the region included.
        end: Where it ends.
        bounded: True if it begins at the text's beginning, a mark, a digit or a region, so the name is whole.
    """

    stem: str
    kind: str
    region: str | None
    start: int
    end: int
    bounded: bool

    @property
    def canonical(self) -> str:
        """The office's canonical name: X街道办事处, X镇人民政府, X乡人民政府."""
        canonical: str = _FORMS[self.kind]["canonical"]
        return self.stem + canonical


def office_names(text: str) -> list[OfficeName]:
    """Return the offices named in ``text``, in order; 我街道, 各乡镇 and the like name none."""
    folded = fold(text)
    return list(_names(folded))


def canonical_office(name: str) -> str | None:
    """Return the canonical form of an office name in any form, a region before it left out; None if it is no office."""
    found = [office for office in office_names(name.strip()) if office.bounded]
    if found:
        return found[0].canonical
    folded = fold("".join(name.split()))
    bare = _BARE_OFFICE.search(folded)
    return f"{folded[: bare.start()]}街道办事处" if bare and bare.start() > 1 and bare.end() == len(folded) else None


def office_stem(name: str) -> str | None:
    """Return the bare name of an office: 新华 of 新华街道办事处, 青山 of 青山镇人民政府."""
    found = office_names(name)
    return found[0].stem if found else None


def office_variants(canonical: str) -> tuple[str, ...]:
    """Return all forms that an office with this canonical name goes by, the canonical one first, then longest first."""
    found = office_names(canonical)
    if not found or found[0].canonical != canonical:
        return ()
    variants = {found[0].stem + ending for ending in _FORMS[found[0].kind]["variants"]} - {canonical}
    return (canonical, *sorted(variants, key=lambda form: (-len(form), form)))


def own_region(text: str) -> str | None:
    """Return the county, district or city that the text calls its own (代表嘉祥县), if it names just one."""
    folded = fold(text)
    marks = "|".join(_LEXICON["region_marks"])
    pattern = re.compile(f"(?:{'|'.join(_LEXICON['own_region'])})([一-鿿]{{2,4}}?)({marks})")
    found: set[str] = set()
    for match in pattern.finditer(folded):
        region = match[1] + match[2]
        levels = [level.format(mark=match[2]) for level in _LEXICON["own_level"]]
        if _is_region(region) and any(level in folded for level in levels):
            found.add(region)
    return found.pop() if len(found) == 1 else None


def _names(folded: str) -> Iterator[OfficeName]:
    position = 0
    for match in _ENDING.finditer(folded):
        first = max(position, match.start() - _LONGEST_RUN)
        run = _RUN.search(folded, first, match.start())
        if not run or match.start() < position:
            continue
        before = _GOVERNMENT.sub(_blank, run[0])
        year = _YEAR.search(folded, max(0, run.start() - 1), run.end())
        if year and year.start() <= run.start():  # 2024年三岔镇
            length = year.end() - run.start()
            before = " " * length + before[length:]
        skipped = _last_stop(before)
        region, stem = _split_region(before[skipped:])
        if _is_name(stem, _KIND_OF[match[0]]):
            cut_off = len(run[0]) == _LONGEST_RUN
            bounded = not cut_off if skipped == 0 else bool(_BEFORE.fullmatch(before[:skipped]))
            start = run.start() + skipped + before[skipped:].find(region or stem)
            yield OfficeName(stem, _KIND_OF[match[0]], region, start, match.end(), bounded)
            position = match.end()


def _last_stop(run: str) -> int:
    """Return how much of ``run`` before a name belongs to other words."""
    skipped = 0
    for pattern in (_BEFORE, _STOPPER):
        for match in pattern.finditer(run):
            skipped = max(skipped, match.end())
    return skipped


def _split_region(run: str) -> tuple[str | None, str]:
    """Split 焦作市解放区新华 into the innermost region (解放区) and the name (新华)."""
    previous, best, region = 0, 0, None
    for match in _MARK.finditer(run):
        if match.start() == previous and run[:previous][-1:] + match[0] != "市区":
            continue  # a mark right after another begins a name: 市中区, 县前街
        if match.start() == previous and len(region or "") == 2:  # 沙市 + 区
            start = previous - len(region or "")
        else:
            start = previous
        candidate = run[start : match.end()].strip()
        if len(candidate) <= _LONGEST_REGION and len(run) - match.end() >= 2 and _is_region(candidate):
            region, best = candidate, match.end()
        previous = match.end()
    return region, run[best:].strip()


def _is_region(name: str) -> bool:
    return name not in _NO_REGIONS and not name.endswith(_NOT_REGIONS)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _is_name(stem: str, kind: str) -> bool:
    shortest = 2 if kind in ("街道", "地区") else 1
    longest = _LONGEST_ETHNIC_NAME if stem.endswith("族") else _LONGEST_NAME
    if not shortest <= len(stem) <= longest or _STOPPER.search(stem):
        return False
    pronoun = _PRONOUNS.match(stem)
    bare = stem[pronoun.end() :] if pronoun else stem
    return bool(bare) and bare not in _NOT_NAMES and stem not in _NOT_NAMES
