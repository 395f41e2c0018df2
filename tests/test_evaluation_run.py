"""Asking a gold set: every answer is kept at once, and an interrupted run goes on."""

import json

import pytest

from rag.errors import GoldError
from rag.evaluation.gold import GoldQuestion
from rag.evaluation.run import load_answers, run, scope
from rag.types import Filters, ReportMeta, Turn

IDENTITY = {"model": "small", "corpus": "abc"}
REPORTS = [
    ReportMeta(
        "1", "hill.txt", office="松岭街道办事处", office_variants=("松岭街道", "松岭"), region="湖滨区", year=2022
    ),
    ReportMeta("2", "lake.txt"),
]


def question(name, text="多少？", filters=None, history=()):
    return GoldQuestion(name, text, "zh", "fact", history, filters or Filters(), (("1",),), (), None, False)


class Clerk:
    """Answers with the number of times it was asked; stops at a question it is told to stop at."""

    def __init__(self, stop_at=None):
        self.asked = []
        self.stop_at = stop_at

    def ask(self, text, *, filters, history):
        if text == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append((text, filters, history))
        return {"question": text, "answer": f"{len(self.asked)}"}


QUESTIONS = [question("a", "甲？"), question("b", "乙？"), question("c", "丙？")]


def ask(clerk, path=None, questions=QUESTIONS, **options):
    return run(questions, clerk, dict, identity=options.pop("identity", IDENTITY), answers_file=path, **options)


def test_filters_and_earlier_turns_reach_the_system():
    clerk = Clerk()
    filters, history = Filters(years=(2022,)), (Turn("甲？", "一"),)
    ask(clerk, questions=[question("a", "乙？", filters, history)])
    assert clerk.asked == [("乙？", filters, history)]


def test_every_answer_is_written_with_its_id_one_a_line(tmp_path):
    answers = ask(Clerk(), tmp_path / "new" / "answers.jsonl")
    lines = (tmp_path / "new" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(answers.values())
    assert json.loads(lines[1]) == {"id": "b", "question": "乙？", "answer": "2"}


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        ask(Clerk(stop_at="丙？"), path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "c", "ans')
    clerk = Clerk()
    answers = ask(clerk, path, resume=True)
    assert [text for text, _, _ in clerk.asked] == ["丙？"]
    assert set(answers) == {"a", "b", "c"}
    assert load_answers(path) == answers


def test_without_resume_everything_is_asked_again(tmp_path):
    ask(Clerk(), tmp_path / "answers.jsonl")
    clerk = Clerk()
    ask(clerk, tmp_path / "answers.jsonl")
    assert len(clerk.asked) == 3


def test_answers_of_another_index_or_question_are_not_reused(tmp_path):
    path = tmp_path / "answers.jsonl"
    ask(Clerk(), path)
    reworded = Clerk()
    ask(reworded, path, [question("a", "丁？"), *QUESTIONS[1:]], resume=True)
    assert [text for text, _, _ in reworded.asked] == ["丁？"]
    other = Clerk()
    ask(other, path, resume=True, identity={**IDENTITY, "corpus": "def"})
    assert len(other.asked) == 3


def test_a_question_whose_filters_or_history_changed_is_asked_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    ask(Clerk(), path)
    clerk = Clerk()
    ask(clerk, path, [question("a", "甲？", Filters(years=(2022,))), *QUESTIONS[1:]], resume=True)
    assert [text for text, _, _ in clerk.asked] == ["甲？"]


def test_several_workers_give_the_same_answers():
    assert set(ask(Clerk(), workers=3)) == {"a", "b", "c"}


def test_a_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("no answer\n{}\n", encoding="utf-8")
    with pytest.raises(GoldError, match="line 1 is not a recorded answer"):
        load_answers(path)


@pytest.mark.parametrize("text", ["松岭有执法权吗？", "湖滨区哪些街道有？", "2022年哪些街道有？"])
def test_a_question_that_names_an_office_region_or_year_narrows_its_own_scope(text):
    assert scope(question("a", text), REPORTS) is None


def test_other_surveys_must_cover_every_report():
    assert scope(question("a", "哪些街道有？"), REPORTS) == {"hill.txt", "lake.txt"}
    assert scope(question("a", "哪些街道有？", Filters(years=(2022,))), REPORTS) is None
