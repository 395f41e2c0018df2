import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ui_scripted import HAS, LACKS, ScriptedAssistant, compare_answer, survey_answer

from rag.conversations import Conversations, user_owner
from rag.errors import ConversationError, GoldError, UnknownConversation
from rag.evaluation.gold import check_gold, load_gold
from rag.feedback import FeedbackBook, gold_candidate, to_jsonl
from rag.types import Filters, Route

LI, WANG = user_owner("li"), user_owner("wang")
IDENTITY = {"embedding_model": "hash", "corpus_hash": "0123456789abcdef", "engine": "gpt"}
ROOT = Path(__file__).parent.parent


@pytest.fixture
def kept(tmp_path):
    opened = Conversations.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def book(kept):
    return FeedbackBook(kept)


def answered(kept, answer, conversation="", filters=None):
    turn = kept.begin(LI, conversation, answer.question, filters or Filters())
    kept.finish(LI, turn.id, answer)
    return turn


def candidate(kept, book, answer, rating="down", find=lambda quote: [], **given):
    turn = answered(kept, answer)
    book.give(LI, turn.id, rating, IDENTITY, **given)
    (feedback,) = book.all()
    return gold_candidate(feedback, find)


def test_feedback_is_kept_with_the_answer_what_gave_it_who_and_when(kept, book):
    turn = answered(kept, survey_answer("哪些？"), filters=Filters(years=(2023,)))
    book.give(LI, turn.id, "down", IDENTITY, reason=" 漏了 ", right_answer="还有白鹭镇。")
    (found,) = book.all()
    assert (found.rating, found.reason, found.right_answer, found.owner) == ("down", "漏了", "还有白鹭镇。", LI)
    assert found.answer == survey_answer("哪些？")
    assert found.identity["corpus_hash"] == "0123456789abcdef" and found.identity["engine"] == "extractive"
    assert found.filters == Filters(years=(2023,)) and found.given.startswith("20")


def test_feedback_outlives_its_conversation_and_comes_back_by_turn(kept, book):
    turn = answered(kept, survey_answer("哪些？"))
    book.give(LI, turn.id, "up", IDENTITY)
    assert book.ratings(LI, [turn.id, "other"]) == {turn.id: "up"}
    assert book.ratings(WANG, [turn.id]) == {}
    kept.delete(LI, turn.conversation)
    assert len(book.all()) == 1


def test_a_reader_has_one_opinion_of_an_answer_and_may_change_or_withdraw_it(kept, book):
    turn = answered(kept, survey_answer("哪些？"))
    book.give(LI, turn.id, "up", IDENTITY)
    book.give(LI, turn.id, "down", IDENTITY)
    assert [item.rating for item in book.all()] == ["down"]
    assert book.all("up") == []
    book.withdraw(WANG, turn.id)
    assert len(book.all()) == 1
    book.withdraw(LI, turn.id)
    assert book.all() == []


def test_nobody_rates_another_persons_answer_nor_one_that_is_not_there(kept, book):
    turn = answered(kept, survey_answer("哪些？"))
    with pytest.raises(UnknownConversation):
        book.give(WANG, turn.id, "up", IDENTITY)
    unanswered = kept.begin(LI, "", "问")
    with pytest.raises(ConversationError, match="no answer"):
        book.give(LI, unanswered.id, "up", IDENTITY)


def test_endless_words_are_cut(kept, book):
    turn = answered(kept, survey_answer("哪些？"))
    book.give(LI, turn.id, "down", IDENTITY, reason="长" * 100_000, right_answer="长" * 100_000)
    assert len(book.all()[0].reason) == len(book.all()[0].right_answer) == 4_000


def test_a_right_answer_becomes_facts_to_be_checked(kept, book):
    passage = replace(compare_answer("办了多少件信访？"), route=Route.PASSAGE, facts=())
    record = candidate(kept, book, passage, right_answer="全年办理信访41件，讲座18场。", reason="数字不对")
    assert record["facts"] == [["41件"], ["18场"]]
    assert (record["kind"], record["refuse"], record["evidence"]) == ("number", False, [])
    assert any(item.startswith("evidence: add") for item in record["candidate"]["to_do"])
    assert record["candidate"]["reason"] == "数字不对" and record["candidate"]["who"] == LI


def test_a_right_answer_copied_from_a_report_is_evidence(kept, book):
    record = candidate(
        kept, book, compare_answer(), right_answer="办理群众来信来访41件，办结率100%。", find=ScriptedAssistant().find
    )
    assert record["evidence"] == [{"source": "songling.docx", "quote": "办理群众来信来访41件，办结率100%"}]


@pytest.mark.parametrize("right", ["报告里没有说明。", "这份报告并未提到此事", "The reports do not say."])
def test_a_right_answer_that_the_reports_are_silent_asks_for_a_refusal(kept, book, right):
    passage = replace(compare_answer("预算多少？"), route=Route.PASSAGE)
    record = candidate(kept, book, passage, right_answer=right)
    assert (record["refuse"], record["kind"], record["facts"]) == (True, "unanswerable", [])


def test_a_good_answer_lends_its_own_evidence_and_verdicts(kept, book):
    record = candidate(kept, book, survey_answer("哪些街道不具备行政执法权？"), rating="up")
    assert record["reports"] == {"yes": ["songling.docx"], "no": ["bailu.pdf"]}
    assert [item["quote"] for item in record["evidence"]] == [LACKS.quote, HAS.quote]
    assert record["kind"] == "survey"


def test_a_question_asked_later_is_a_follow_up_with_its_history(kept, book):
    first = answered(kept, survey_answer("哪些？"))
    second = answered(kept, compare_answer("各多少？"), first.conversation)
    book.give(LI, second.id, "up", IDENTITY)
    record = gold_candidate(book.all()[0], lambda quote: [])
    assert record["kind"] == "followup"
    assert [question for question, _ in record["history"]] == ["哪些？"]


def test_candidates_pass_the_check_or_it_says_what_is_missing(kept, book, tmp_path):
    good = answered(kept, survey_answer("哪些？"))
    right = answered(kept, replace(compare_answer("几件？"), route=Route.PASSAGE))
    bare = answered(kept, replace(compare_answer("为何？"), route=Route.PASSAGE))
    book.give(LI, good.id, "up", IDENTITY)
    book.give(LI, right.id, "down", IDENTITY, right_answer="41件")
    book.give(LI, bare.id, "down", IDENTITY, reason="不对")
    path = tmp_path / "gold.jsonl"
    *ready, missing = to_jsonl(book.all(), lambda quote: []).splitlines()
    path.write_text("\n".join(ready), encoding="utf-8")
    texts = {"songling.docx": LACKS.quote, "bailu.pdf": HAS.quote}
    assert [question.facts for question in check_gold(path, texts)] == [(), (("41件",),)]
    path.write_text(missing, encoding="utf-8")
    with pytest.raises(GoldError, match="nothing can be checked; fill one in"):
        load_gold(path)
    assert json.loads(missing)["candidate"]["to_do"][0].startswith("facts: no right answer was given")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        cwd=ROOT, env={"RAG_EMBEDDING_MODEL": "hash", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip


def test_the_command_writes_candidates_and_exports_answers(tmp_path):
    reports, folder = ROOT / "data" / "reports", tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "ingest.py", str(reports), "--store", str(folder)],
        cwd=ROOT, env={"RAG_EMBEDDING_MODEL": "hash", "PATH": "/usr/bin:/bin"}, capture_output=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0
    assert run("feedback", "export", "--store", folder).stdout == ""
    kept = Conversations.open(folder)
    for rating, answer in (("up", survey_answer("哪些？")), ("down", compare_answer("各几件？"))):
        FeedbackBook(kept).give(LI, answered(kept, answer).id, rating, IDENTITY, right_answer="3件")
    out = tmp_path / "gold.jsonl"
    done = run("feedback", "export", "--store", folder, "--out", out, "--rating", "down")
    assert done.returncode == 0 and "1 candidates" in done.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["facts"] == [["3件"]]
    assert run("gold", "check", out).returncode == 0
    both = run("feedback", "export", "--store", folder)
    assert len(both.stdout.splitlines()) == 2
    assert "--out" in run("feedback", "export", "--store", folder, "--out", tmp_path / "no" / "a").stderr
    done = run("ask", "哪些街道不具备行政执法权?", "--store", folder, "--export", tmp_path / "a.md")
    assert done.returncode == 0
    assert "[^1]: " in (tmp_path / "a.md").read_text(encoding="utf-8")
    done = run("ask", "哪些街道不具备行政执法权?", "--store", folder, "--export", tmp_path / "a.pdf")
    assert done.returncode == 1 and ".docx or .md" in done.stderr
