"""Every number in an answer stands in a cited quote, or is computed from such with the computation shown."""

import dataclasses
import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.corpus_generator import CorpusGenerator
from benchmarks.passage_scale import questions
from rag.answering.figures import FigureFinder
from rag.figures import parse_figures
from rag.folding import fold
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Answer, Filters, Route, Turn

DATA = Path(__file__).parent.parent / "data"
QUESTIONS = [json.loads(line) for line in (DATA / "gold" / "sample.jsonl").read_text(encoding="utf-8").splitlines()]
QUOTED = re.compile(r"“.*?”\s*(?=\[\d)", re.DOTALL)
COMPUTED = re.compile(r"[（(][^（）()]*[−+][^（）()]*[）)]|= .*\+.*")
COUNTED = re.compile(r"\d+/\d+ 份|\d+ ?(份|个|report|office|of)|Searched: \d+|\(\d[\d.,]*[^)]*\)")


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    settings = load_settings(store=tmp_path_factory.mktemp("store") / "s", embedding_model="hash")
    with Rag(settings, create=True, owner=True) as opened:
        opened.ingest([DATA / "reports"])
        yield opened


def unsupported(answer: Answer) -> list[str]:
    """Figures of the answer's own words that no cited quote holds and no shown computation gives."""
    quotes = re.sub(r"\s", "", fold(" ".join(citation.quote for citation in answer.citations)))
    own = QUOTED.sub("", answer.answer)
    left = []
    for line in own.splitlines():
        computed = COMPUTED.search(line) is not None
        for figure in parse_figures(COUNTED.sub("", line)):
            text = re.sub(r"\s", "", fold(figure.text))
            if text not in quotes and not computed and figure.value != 0:
                left.append(figure.text)
    return left


@pytest.mark.parametrize("gold", QUESTIONS, ids=lambda gold: gold["id"])
def test_no_number_comes_from_nowhere(rag, gold):
    filters = Filters(offices=tuple(gold["filters"].get("office", ())), years=tuple(gold["filters"].get("year", ())))
    history = [Turn(*turn) for turn in gold["history"]]
    answer = rag.ask(gold["question"], filters=filters, history=history)
    assert unsupported(answer) == []
    for fact in answer.facts:
        cited = next(citation for citation in answer.citations if citation.marker == fact.citation)
        assert fact.value in [figure.value for figure in parse_figures(cited.quote)] or "|" in cited.quote


def test_looking_at_every_sentence_would_find_no_other_number(tmp_path, monkeypatch):
    CorpusGenerator.from_files().write(tmp_path / "reports", 60)
    looked_at = Counter()
    figures = FigureFinder.figures

    def counted(finder, sentence):
        looked_at[every] += 1
        return figures(finder, sentence)

    monkeypatch.setattr(FigureFinder, "figures", counted)
    answers = {}
    with Rag(load_settings(store=tmp_path / "s", embedding_model="hash"), create=True, owner=True) as opened:
        opened.ingest([tmp_path / "reports"])
        for every in (False, True):
            if every:  # none is passed over
                monkeypatch.setattr("rag.answering.passage.BEST_QUALITY", math.inf)
                monkeypatch.setattr(FigureFinder, "qualities_at_most", lambda *_: [math.inf])
            answers[every] = {asked: opened.ask(asked, route=Route.PASSAGE).answer for asked in questions()}
    assert answers[False] == answers[True]
    assert looked_at[False] < looked_at[True] / 2


def test_an_invented_number_would_be_noticed(rag):
    answer = rag.ask("哪些街道不具备行政执法权")
    assert answer.route is Route.SURVEY
    assert unsupported(dataclasses.replace(answer, answer=answer.answer + "\n共办理信访案件98765件。")) == ["98765件"]
