"""The comparison with other systems: its scores, its table, the README's copy of it, and what it measures."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers.environment import PeerUnavailable, peer_python
from benchmarks.peers.measuring import StageError, run_stage
from benchmarks.peers.notes import notes
from benchmarks.peers.run import WARM_QUESTIONS, figures
from benchmarks.peers.scoring import recall, scores, within
from benchmarks.peers.table import BEGIN, END, Column, as_markdown, as_text, cells, put_between_markers
from rag.evaluation.case import Case
from rag.evaluation.gold import Evidence, GoldQuestion
from rag.evaluation.overlap import squeeze
from rag.evaluation.retrieval_metrics import recall_at_5, recall_at_10
from rag.types import Filters, Turn

MEDIATED = Evidence("hill.txt", "调解邻里纠纷三十七件")
FINED = Evidence("lake.txt", "办理行政处罚案件十四件")
FILLER = {"source": "hill.txt", "text": "其他工作有序推进。" * 10}
CONTEXTS = st.lists(
    st.builds(lambda text: {"source": "a", "text": text}, st.text(st.characters(categories=["L", "Z"]), max_size=30))
)


def question(name, *evidence, kind="fact", filters=Filters(), history=()):  # noqa: B008 - frozen
    return GoldQuestion(name, "问？", "zh", kind, history, filters, (("十四件",),), evidence, None, not evidence)


def context(evidence):
    return {"source": evidence.source, "text": f"全年{evidence.quote}。"}


def test_recall_is_the_share_of_evidence_found_in_its_own_file():
    both = question("a", MEDIATED, FINED)
    assert recall(both, [context(MEDIATED)]) == 0.5
    assert recall(both, [context(MEDIATED), context(FINED)]) == 1.0
    assert recall(both, [{"source": "other.txt", "text": MEDIATED.quote}]) == 0.0


@given(st.lists(st.sampled_from([context(MEDIATED), context(FINED), FILLER]), max_size=15))
def test_recall_is_the_one_that_evaluation_reports(contexts):
    both = question("a", MEDIATED, FINED)
    found = scores([both], {"a": contexts}, top=10)
    case = Case(both, {"contexts": contexts})
    assert found["recall_5"] == recall_at_5(case)
    assert found["recall_10"] == recall_at_10(case)


@given(CONTEXTS, st.integers(0, 100))
def test_a_budget_keeps_the_beginning_of_the_contexts_and_no_more(contexts, budget):
    whole = "".join(squeeze(item["text"]) for item in contexts)
    kept = "".join(item["text"] for item in within(contexts, budget))
    assert kept == whole[:budget]


def test_evidence_past_the_budget_does_not_count():
    late = [FILLER] * 11 + [context(FINED)]
    found = scores([question("a", FINED)], {"a": late[2:]}, top=10)
    assert (found["recall_10"], found["budget_1000"]) == (1.0, 1.0)
    longer = [{"source": "hill.txt", "text": "推进。" * 400}, context(FINED)]
    found = scores([question("a", FINED)], {"a": longer}, top=10)
    assert (found["recall_10"], found["budget_1000"], found["budget_3000"]) == (1.0, 0.0, 1.0)


def test_only_questions_that_all_systems_get_whole_count_as_facts_and_numbers():
    asked = [
        question("plain", MEDIATED),
        question("filtered", FINED, filters=Filters(years=(2023,))),
        question("later", FINED, kind="followup", history=(Turn("问", "答"),)),
        question("unanswerable", kind="unanswerable"),
    ]
    found = scores(asked, {"plain": [context(MEDIATED)], "filtered": [], "later": []}, top=10)
    assert found["single_passage"] == 1.0
    assert found["recall_10"] == pytest.approx(1 / 3)


def a_round(seconds, contexts):
    spent = {"processor_seconds": 1.0, "endpoint_processor_seconds": 2.0, "memory_mib": 100 * seconds}
    ingest = spent | {"seconds": seconds, "embedding_seconds": 0.5, "pieces": 7, "store_mib": 3.0}
    answers = [{"id": "a", "seconds": seconds / 100, "contexts": contexts}]
    return {"ingest": ingest, "ask": spent | {"answers": answers}}


def test_times_are_medians_over_the_rounds_memory_the_most_and_processor_time_includes_the_endpoint():
    found = figures([a_round(seconds, [context(MEDIATED)]) for seconds in (1, 9, 2)], [question("a", MEDIATED)])
    assert (found["ingest_seconds"], found["query_ms"]) == (2, 20)
    assert (found["processor_seconds"], found["ingest_memory_mib"]) == (3.0, 900)
    assert found["query_processor_ms"] == pytest.approx(1000 * (1.0 + 2.0 / (1 + len(WARM_QUESTIONS))))
    assert found["recall_10_by_question"] == {"a": 1.0}


def a_table():
    ours = Column("ours", "answers", [{"recall_10": 0.934, "query_ms": 31.2}, {"recall_10": 1.0, "query_ms": 8.0}])
    absent = Column("peer", "passages only", [None, None])
    return cells([ours, absent])


def test_a_cell_holds_each_corpus_and_its_unit_once_and_what_was_not_run_is_left_open():
    rows = {row[0]: row[1:] for row in a_table()}
    assert rows["evidence among the first 10 contexts"] == ["0.93 / 1.00", "–"]
    assert rows["query, median"] == ["31 / 8 ms", "–"]
    assert rows["store on disk"] == ["–", "–"]


def test_the_table_has_the_same_cells_as_text_and_as_markdown():
    rows = a_table()
    assert as_text(rows).splitlines()[1].split("  ")[0] == "evidence among the first 10 contexts"
    head, rule, first, *_ = as_markdown(rows).splitlines()
    assert (head, rule) == ("| | ours | peer |", "|---|---|---|")
    assert first == "| evidence among the first 10 contexts | 0.93 / 1.00 | – |"


@given(st.text(), st.text(), st.text())
def test_the_readme_changes_between_its_markers_only_and_the_second_time_not_at_all(before, old, after):
    readme = f"{before}{BEGIN}\n{old}\n{END}{after}"
    changed = put_between_markers(readme, "| table |")
    assert changed == f"{before}{BEGIN}\n| table |\n{END}{after}"
    assert put_between_markers(changed, "| table |") == changed


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_one_place_for_the_table_is_left_alone(text):
    with pytest.raises(ValueError, match="once each"):
        put_between_markers(text, "| table |")


def test_the_notes_say_why_the_peer_was_not_run():
    corpus = {"corpus": "sample", "reports": 2, "characters": 1200, "with_evidence": 3, "systems": {}}
    told = notes([corpus], "the registry does not answer")
    assert "sample: 2 reports of 1,200 characters, 3 questions with evidence" in told[0]
    assert told[-1] == "haiku.rag was not run: the registry does not answer."


def test_a_python_that_cannot_be_run_is_named(tmp_path):
    with pytest.raises(PeerUnavailable, match="no-such-python"):
        peer_python(tmp_path / "venv", tmp_path / "no-such-python")


def test_an_environment_made_for_the_same_packages_is_used_again(tmp_path):
    from benchmarks.peers.environment import REQUIREMENTS, STAMP

    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    (tmp_path / STAMP).write_text("\n".join(REQUIREMENTS), encoding="utf-8")
    assert peer_python(tmp_path, tmp_path / "no-such-python") == python


STAGE = """
import json, subprocess, sys, time
job = json.load(open(sys.argv[1]))
held = bytearray(64 << 20)
subprocess.run([sys.executable, "-c", "import time; held = bytearray(64 << 20); time.sleep(0.5)"], check=True)
json.dump({"seen": job["word"]}, open(job["result"], "w"))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="memory is read from /proc, which is not here")
def test_a_stage_gives_its_result_and_the_memory_of_all_its_processes(tmp_path):
    found = run_stage([sys.executable, "-c", STAGE], {"word": "街道"}, tmp_path)
    assert found["seen"] == "街道"
    assert 128 < found["memory_mib"] < 256


def test_a_stage_that_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(StageError, match="out of paper"):
        run_stage([sys.executable, "-c", "raise SystemExit('out of paper')"], {}, tmp_path)


def test_the_command_explains_itself():
    command = [sys.executable, "-m", "benchmarks.peers", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--rounds" in told and "--readme" in told and "haiku.rag" in told
