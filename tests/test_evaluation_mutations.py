"""Spoil good answers one way at a time: the metric that should fall falls, and what it does not look at stays."""

import copy

import pytest

from rag.evaluation.case import Case
from rag.evaluation.gold import Evidence, GoldQuestion, GoldReports
from rag.evaluation.metrics import METRICS, score
from rag.evaluation.missed import missed
from rag.evaluation.overlap import squeeze
from rag.evaluation.summary import Scored, group_figure
from rag.types import Filters

PARAGRAPHS = {
    "hill.txt": [
        "松岭街道全年调解邻里纠纷 37 件，其中 35 件当场和解。",
        "因编制所限，本街道至今没有行政处罚权，发现问题只能上报。",
        "聘请两名律师担任街道法律顾问。",
    ],
    "lake.txt": [
        "镜湖镇持有行政执法证的有9人，全年办理行政处罚案件14件。",
        "全年开展普法讲座21场，受众1300余人。",
    ],
    "dune.txt": ["沙洲乡本年度重点推进信访积案化解，办结积案6件。"],
}
TEXTS = {source: squeeze("\n".join(paragraphs)) for source, paragraphs in PARAGRAPHS.items()}
OFFICES = {"hill.txt": "松岭街道办事处", "lake.txt": "镜湖镇人民政府", "dune.txt": "沙洲乡人民政府"}
ALL_SOURCES = frozenset(PARAGRAPHS)


def question(name, kind, text, facts=(), evidence=(), reports=None, language="zh", refuse=False):
    return GoldQuestion(
        id=name,
        question=text,
        language=language,
        kind=kind,
        history=(),
        filters=Filters(),
        facts=tuple(facts),
        evidence=tuple(Evidence(*item) for item in evidence),
        reports=reports,
        refuse=refuse,
    )


def citation(marker, source, paragraph, quote):
    start = PARAGRAPHS[source][paragraph - 1].index(quote)
    return {
        "marker": marker,
        "id": f"{source}-p{paragraph}",
        "report_id": source,
        "office": OFFICES[source],
        "region": None,
        "year": 2022,
        "section": [],
        "paragraph": paragraph,
        "start": start,
        "end": start + len(quote),
        "quote": quote,
        "source": source,
    }


def answer(text, citations=(), contexts=(), rows=None, refused=False):
    survey = None if rows is None else {"searched": len(rows), "reports": len(rows), "rows": rows}
    return {
        "question": "",
        "language": "zh",
        "route": "survey" if rows else "passage",
        "answer": text,
        "refused": refused,
        "citations": list(citations),
        "contexts": [
            {
                "report_id": source,
                "paragraph": number,
                "text": PARAGRAPHS[source][number - 1],
                "source": source,
                "score": 1,
            }
            for source, number in contexts
        ],
        "survey": survey,
        "facts": [],
        "engine": "a model",
        "statements": {"made": 2, "unverified": 0},
        "notes": [],
        "elapsed_ms": {"retrieve": 3, "total": 5},
    }


def row(source, verdict, *markers):
    return {
        "report_id": source,
        "source": source,
        "office": OFFICES[source],
        "year": 2022,
        "verdict": verdict,
        "citations": list(markers),
    }


LACK = "因编制所限，本街道至今没有行政处罚权，发现问题只能上报。"
HOLD = "镜湖镇持有行政执法证的有9人，全年办理行政处罚案件14件。"
DISPUTES = "松岭街道全年调解邻里纠纷 37 件，其中 35 件当场和解。"
LECTURES = "全年开展普法讲座21场，受众1300余人。"

QUESTIONS = {
    "number": question(
        "number", "number", "松岭街道调解了多少件纠纷？", [("37件",)], [("hill.txt", "调解邻里纠纷37件")]
    ),
    "compare": question(
        "compare",
        "compare",
        "松岭调解的纠纷和镜湖的普法讲座各多少？",
        [("37件",), ("21场",)],
        [("hill.txt", "调解邻里纠纷37件"), ("lake.txt", "普法讲座21场")],
    ),
    "survey": question(
        "survey",
        "survey",
        "哪些街道没有行政处罚权？",
        [("松岭",)],
        [("hill.txt", "本街道至今没有行政处罚权"), ("lake.txt", "全年办理行政处罚案件14件")],
        GoldReports(frozenset({"hill.txt"}), frozenset({"lake.txt"})),
    ),
    "unanswerable": question("unanswerable", "unanswerable", "沙洲乡败诉了几次？", refuse=True),
    "english": question(
        "english", "fact", "How many lectures?", [("21场", "21 lectures")], [("lake.txt", LECTURES)], language="en"
    ),
}
GOOD = {
    "number": answer(
        f"松岭街道办事处2022年：**37件**。\n\n- {DISPUTES}[1]",
        [citation(1, "hill.txt", 1, DISPUTES)],
        [("hill.txt", 1)],
    ),
    "compare": answer(
        f"- {DISPUTES} [1]\n- {LECTURES} [2]",
        [citation(1, "hill.txt", 1, DISPUTES), citation(2, "lake.txt", 2, LECTURES)],
        [("dune.txt", 1), ("hill.txt", 1), ("lake.txt", 2)],
    ),
    "survey": answer(
        f"松岭街道办事处没有：{LACK}[1] 镜湖镇人民政府有：{HOLD}[2]",
        [citation(1, "hill.txt", 2, LACK), citation(2, "lake.txt", 1, HOLD)],
        [("hill.txt", 2), ("lake.txt", 1)],
        [row("hill.txt", "yes", 1), row("lake.txt", "no", 2), row("dune.txt", "not_mentioned")],
    ),
    "unanswerable": answer("报告中没有说明。", refused=True),
    "english": answer(
        f"According to the report of Jinghu township, 21 lectures were held: {LECTURES} [1]",
        [citation(1, "lake.txt", 2, LECTURES)],
        [("lake.txt", 2)],
    ),
}


def measure(answers):
    """Return every metric's mean over the questions it applies to."""
    scored = [
        Scored(name, item.kind, item.language, score(Case(item, answers[name], TEXTS, ALL_SOURCES)))
        for name, item in QUESTIONS.items()
    ]
    figures = {metric.name: group_figure(scored, metric.name, "all") for metric in METRICS}
    return {name: figure.value for name, figure in figures.items() if figure is not None}


@pytest.fixture
def answers():
    return copy.deepcopy(GOOD)


def fallen(answers):
    """Return the metrics that are worse than those of the good answers."""
    before, after = measure(GOOD), measure(answers)
    worse = {True: lambda name: after[name] > before[name], False: lambda name: after[name] < before[name]}
    return {metric.name for metric in METRICS if metric.name in after and worse[metric.lower_is_better](metric.name)}


def test_good_answers_score_full_marks_but_for_the_rank_of_evidence():
    perfect = {metric.name: 0.0 if metric.lower_is_better else 1.0 for metric in METRICS}
    measured = measure(GOOD)
    for name in ("mrr", "ndcg_at_10"):
        assert 0.8 < measured.pop(name) < 1.0
        del perfect[name]
    assert measured == perfect


def test_good_answers_miss_nothing():
    assert [missed(Case(item, GOOD[name], TEXTS, ALL_SOURCES)) for name, item in QUESTIONS.items()] == [[]] * 5


def test_citations_swapped_between_markers_cost_attribution(answers):
    first, second = answers["compare"]["citations"]
    first["marker"], second["marker"] = second["marker"], first["marker"]
    assert fallen(answers) == {"fact_attribution"}


def test_citations_swapped_between_survey_rows_cost_the_rows_their_citations(answers):
    first, second = answers["survey"]["citations"]
    first["marker"], second["marker"] = second["marker"], first["marker"]
    assert fallen(answers) == {"survey_rows_cited"}


def test_citations_shuffled_between_questions_cost_recall_and_precision(answers):
    answers["number"]["citations"], answers["english"]["citations"] = (
        answers["english"]["citations"],
        answers["number"]["citations"],
    )
    assert {"citation_recall", "citation_precision", "fact_attribution"} <= fallen(answers)
    assert "verbatim" not in fallen(answers)


@pytest.mark.parametrize("name", ["number", "compare", "survey", "english"])
@pytest.mark.parametrize("position", [0, 7, -1])
def test_a_quote_altered_by_one_character_is_not_verbatim(answers, name, position):
    cited = answers[name]["citations"][0]
    letters = list(cited["quote"])
    letters[position] = "伪"
    cited["quote"] = "".join(letters)
    assert "verbatim" in fallen(answers)
    assert "quote not verbatim" in {
        miss.kind for miss in missed(Case(QUESTIONS[name], answers[name], TEXTS, ALL_SOURCES))
    }


def test_a_quote_that_is_longer_than_its_offsets_is_not_verbatim(answers):
    answers["number"]["citations"][0]["end"] -= 1
    assert fallen(answers) == {"verbatim"}


def test_a_quote_under_another_reports_name_is_not_verbatim(answers):
    answers["number"]["citations"][0]["source"] = "lake.txt"
    assert {"verbatim", "citation_recall", "citation_precision"} <= fallen(answers)


def test_a_dropped_refusal_costs_the_refusals_and_uncited_text_the_markers(answers):
    answers["unanswerable"] = answer("沙洲乡办结积案6件。")
    assert fallen(answers) == {"refusal_right", "markers_resolve"}


def test_a_refusal_of_what_the_reports_say_is_counted(answers):
    answers["number"] = answer("报告中没有说明。", refused=True)
    assert {"false_refusal", "fact_recall", "numbers_exact", "citation_recall", "recall_at_10"} <= fallen(answers)


@pytest.mark.parametrize("wrong", ["38 件", "137 件", "3.37 件", "37 起", "370 件"])
def test_a_wrong_number_or_unit_costs_facts_and_numbers(answers, wrong):
    answers["number"]["answer"] = answers["number"]["answer"].replace("37 件", wrong).replace("37件", wrong)
    assert {"fact_recall", "numbers_exact", "lead_figure_right"} <= fallen(answers)


def test_a_wrong_figure_put_forward_is_noticed_even_if_a_quote_has_the_right_one(answers):
    answers["number"]["answer"] = f"松岭街道办事处：**35件**。\n\n- {DISPUTES}[1]"
    assert fallen(answers) == {"lead_figure_right"}


def test_an_answer_in_the_wrong_language_is_noticed_both_ways(answers):
    answers["english"]["answer"] = f"镜湖镇人民政府全年共举办了二十一场讲座，即21场：{LECTURES} [1]"
    assert fallen(answers) == {"language_right"}
    answers["number"]["answer"] = f"According to the office's report, this many were settled: {DISPUTES}[1]"
    assert measure(answers)["language_right"] == pytest.approx(3 / 5)


def test_a_report_dropped_from_a_survey_costs_coverage(answers):
    answers["survey"]["survey"]["rows"].pop()
    answers["survey"]["survey"]["reports"] = 2
    assert fallen(answers) == {"survey_coverage"}


def test_a_yes_dropped_from_a_survey_costs_recall(answers):
    answers["survey"]["survey"]["rows"][0]["verdict"] = "not_mentioned"
    assert fallen(answers) == {"survey_recall", "survey_f1"}


def test_silence_given_as_yes_costs_precision(answers):
    answers["survey"]["survey"]["rows"][2].update(verdict="yes", citations=[1])
    assert fallen(answers) == {"survey_precision", "survey_f1", "survey_wrong_yes", "survey_rows_cited"}


def test_a_no_that_is_passed_over_costs_the_recall_of_no(answers):
    answers["survey"]["survey"]["rows"][1]["verdict"] = "not_mentioned"
    assert fallen(answers) == {"survey_no_recall"}


def test_contexts_dropped_cost_retrieval_only(answers):
    answers["compare"]["contexts"] = answers["compare"]["contexts"][:2]
    assert fallen(answers) == {"recall_at_5", "recall_at_10", "all_evidence_at_10", "ndcg_at_10"}


def test_contexts_in_a_worse_order_cost_rank_only(answers):
    answers["survey"]["contexts"] = [*GOOD["compare"]["contexts"][:1], *answers["survey"]["contexts"]]
    assert fallen(answers) == {"mrr", "ndcg_at_10"}


def test_a_marker_without_citation_does_not_resolve(answers):
    answers["number"]["answer"] += "[9]"
    assert "markers_resolve" in fallen(answers)


def test_a_statement_that_fails_verification_raises_the_unverified_share(answers):
    answers["number"]["statements"]["unverified"] = 1
    assert fallen(answers) == {"unverified_share"}
