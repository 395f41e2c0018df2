import json
import multiprocessing
import sqlite3
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ui_scripted import HAS, LACKS, REPORTS, ScriptedAssistant, compare_answer, hostile_answer, survey_answer

from rag.conversations import (
    CONVERSATIONS_FILE,
    Conversations,
    answer_from_dict,
    browser_owner,
    changed_citations,
    rows,
    store,
    user_owner,
)
from rag.errors import ConversationError, UnknownConversation
from rag.serialising import answer_to_dict
from rag.types import Answer, Context, Filters, Route, SectionKind

LI, WANG = user_owner("li"), user_owner("wang")


@pytest.fixture
def kept(tmp_path):
    opened = Conversations.open(tmp_path)
    yield opened
    opened.close()


def ask(kept, question="哪些街道不具备行政执法权？", conversation="", owner=LI, **options):
    turn = kept.begin(owner, conversation, question, **options)
    kept.finish(owner, turn.id, replace(survey_answer(question), question=question))
    return turn


def test_a_conversation_comes_back_whole_after_the_program_was_started_again(tmp_path):
    first = Conversations.open(tmp_path)
    filters = Filters(offices=("松岭街道",), years=(2023,), section_kinds=(SectionKind.PLAN,))
    turn = first.begin(LI, "", "松岭街道2022年和2023年的信访各多少件？", filters, Route.COMPARE)
    answer = compare_answer()
    first.finish(LI, turn.id, answer)
    first.close()
    again = Conversations.open(tmp_path).get(LI, turn.conversation)
    assert again.title == "松岭街道2022年和2023年的信访各多少件？"
    (found,) = again.turns
    assert (found.question, found.filters, found.route) == (turn.question, filters, Route.COMPARE)
    assert found.answer == answer


@pytest.mark.parametrize("make", [survey_answer, hostile_answer, lambda question: compare_answer()])
def test_an_answer_is_read_back_as_it_was_written(make):
    answer = make("哪些？")
    assert answer_from_dict(json.loads(json.dumps(answer_to_dict(answer)))) == answer


@given(st.text(), st.lists(st.text(), max_size=3), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_comes_back(text, notes, score):
    paragraph = replace(REPORTS[0].paragraphs[1], text=text)
    answer = Answer(
        text, "zh", Route.PASSAGE, text, False, (LACKS,), (Context(REPORTS[0].meta, paragraph, score),),
        notes=tuple(notes),
    )  # fmt: skip
    written = answer_to_dict(answer)
    assert answer_to_dict(answer_from_dict(json.loads(json.dumps(written)))) == written


def test_a_question_is_kept_before_it_is_answered_and_what_was_written_when_it_is_stopped(kept):
    turn = kept.begin(LI, "", "问")
    assert kept.get(LI, turn.conversation).turns[0].answer is None
    kept.stop(LI, turn.id, "半句")
    assert kept.get(LI, turn.conversation).turns[0].partial == "半句"


def test_asking_again_replaces_the_turn_only_once_there_is_an_answer(kept):
    old = ask(kept, "问")
    new = kept.begin(LI, old.conversation, "再问", replaces=old.id)
    assert [turn.id for turn in kept.get(LI, old.conversation).turns] == [old.id, new.id]
    kept.finish(LI, new.id, survey_answer("再问"))
    assert [turn.question for turn in kept.get(LI, old.conversation).turns] == ["再问"]


def test_a_turn_of_another_conversation_is_never_replaced(kept):
    other = ask(kept, "别动")
    new = kept.begin(LI, "", "问", replaces=other.id)
    kept.finish(LI, new.id, survey_answer("问"))
    assert len(kept.get(LI, other.conversation).turns) == 1


def test_the_list_has_the_conversation_changed_last_first(kept):
    first, second = ask(kept, "一"), ask(kept, "二")
    assert [item.title for item in kept.list(LI)] == ["二", "一"]
    ask(kept, "三", first.conversation)
    assert [(item.title, item.turns) for item in kept.list(LI)] == [("一", 2), ("二", 1)]
    assert second.conversation != first.conversation


@pytest.mark.parametrize("query", ["行政執法權", "Ｘ光 18場", "  松岭 ", "x光"])
def test_search_looks_through_titles_questions_and_answers_whatever_the_width_or_script(kept, query):
    ask(kept, "无关")
    turn = kept.begin(LI, "", "X光检查举办了多少次？")
    answer = replace(survey_answer("问"), answer="松岭街道不具备行政执法权，讲座18场。")
    kept.finish(LI, turn.id, answer)
    kept.rename(LI, kept.list(LI)[1].id, "另一个")
    found = [item.id for item in kept.list(LI, query)]
    assert turn.conversation in found
    assert kept.list(LI, query + " 没有这个词") == []


def test_signs_that_a_database_reads_as_patterns_are_searched_for_as_such(kept):
    ask(kept, "增长100%的有哪些")
    ask(kept, "增长1000的有哪些")
    assert [item.title for item in kept.list(LI, "100%")] == ["增长100%的有哪些"]
    assert kept.list(LI, "' OR 1=1 --") == []


def test_a_conversation_is_its_owners_alone(kept):
    turn = ask(kept)
    for look in (
        lambda: kept.get(WANG, turn.conversation),
        lambda: kept.turn(WANG, turn.id),
        lambda: kept.rename(WANG, turn.conversation, "夺"),
    ):
        with pytest.raises(UnknownConversation):
            look()
    kept.delete(WANG, turn.conversation)
    kept.stop(WANG, turn.id, "夺")
    kept.finish(WANG, turn.id, hostile_answer("夺"))
    assert kept.list(WANG) == []
    again = kept.begin(WANG, turn.conversation, "夺")
    assert again.conversation != turn.conversation
    assert kept.get(LI, turn.conversation).turns[0].answer == survey_answer(turn.question)


def test_a_browsers_token_never_stands_for_a_user_and_is_not_in_the_database(kept, tmp_path):
    owner = browser_owner("user:li")
    assert owner != LI and "user:li" not in owner
    ask(kept, owner=browser_owner("secret-token"))
    assert all(b"secret-token" not in path.read_bytes() for path in tmp_path.iterdir())


def test_renamed_and_deleted(kept):
    turn = ask(kept)
    kept.rename(LI, turn.conversation, "  执法\n权  " + "长" * 200)
    title = kept.get(LI, turn.conversation).title
    assert title.startswith("执法 权 长") and len(title) == store.LONGEST_TITLE
    kept.rename(LI, turn.conversation, "  ")
    assert kept.get(LI, turn.conversation).title == title
    kept.delete(LI, turn.conversation)
    kept.delete(LI, turn.conversation)
    with pytest.raises(UnknownConversation):
        kept.get(LI, turn.conversation)
    kept.finish(LI, turn.id, survey_answer("太晚"))
    with kept.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM turns").scalar() == 0


def test_sizes_are_bounded_and_the_bound_is_told(kept, monkeypatch):
    monkeypatch.setattr(store, "MOST_TURNS", 2)
    monkeypatch.setattr(store, "MOST_CONVERSATIONS", 1)
    turn = ask(kept)
    ask(kept, conversation=turn.conversation)
    with pytest.raises(ConversationError, match="begin a new one"):
        kept.begin(LI, turn.conversation, "第三个")
    with pytest.raises(ConversationError, match="delete some"):
        kept.begin(LI, "", "另一段")
    assert len(kept.get(LI, turn.conversation).turns) == 2


def test_a_huge_answer_goes_without_its_contexts_and_a_huger_one_is_refused(kept, monkeypatch):
    monkeypatch.setattr(rows, "LARGEST_ANSWER", 3_000)
    context = Context(REPORTS[0].meta, replace(REPORTS[0].paragraphs[1], text="长" * 3_000), 0.5)
    turn = kept.begin(LI, "", "问")
    kept.finish(LI, turn.id, replace(survey_answer("问"), contexts=(context,)))
    found = kept.turn(LI, turn.id).answer
    assert found.contexts == () and found.citations
    with pytest.raises(ConversationError, match="not kept"):
        kept.finish(LI, turn.id, replace(survey_answer("问"), answer="长" * 3_000))


def test_what_a_browser_asked_is_forgotten_once_no_browser_can_reach_it(tmp_path):
    kept = Conversations.open(tmp_path)
    lost, user = ask(kept, owner=browser_owner("a")), ask(kept)
    kept.close()
    with sqlite3.connect(tmp_path / CONVERSATIONS_FILE) as connection:
        connection.execute("UPDATE conversations SET changed = '2020-01-01T00:00:00+00:00'")
        connection.execute("UPDATE meta SET value = '2022-01-01T00:00:00+00:00' WHERE key LIKE 'looked%'")
    again = Conversations.open(tmp_path)
    assert again.list(browser_owner("a")) == []
    assert again.get(LI, user.conversation).turns and lost.conversation


def test_threads_write_one_conversation_at_once_and_nothing_is_lost(kept):
    turn = ask(kept)
    failures = []

    def write(number):
        try:
            for each in range(5):
                ask(kept, f"{number}-{each}", turn.conversation)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    questions = [found.question for found in kept.get(LI, turn.conversation).turns]
    assert len(questions) == len(set(questions)) == 41
    for number in range(8):
        assert [q for q in questions if q.startswith(f"{number}-")] == [f"{number}-{each}" for each in range(5)]


def _write_from_another_process(folder, name):
    kept = Conversations.open(folder)
    for number in range(10):
        ask(kept, f"{name}-{number}")
    kept.close()


def test_processes_write_at_once_and_nothing_is_lost(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_from_another_process, args=(tmp_path, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(Conversations.open(tmp_path).list(LI)) == 20


def test_a_database_that_cannot_be_used_is_told_with_the_way_out(tmp_path):
    with pytest.raises(ConversationError, match="missing or read-only"):
        Conversations.open(tmp_path / "nowhere")
    (tmp_path / CONVERSATIONS_FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(ConversationError, match="move it away"):
        Conversations.open(tmp_path)


def test_a_newer_programs_database_is_refused_untouched(tmp_path):
    Conversations.open(tmp_path).close()
    with sqlite3.connect(tmp_path / CONVERSATIONS_FILE) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    with pytest.raises(ConversationError, match="schema version 99"):
        Conversations.open(tmp_path)


def test_temporary_conversations_go_when_closed():
    kept = Conversations.temporary()
    ask(kept)
    folder = kept.database.path.parent
    assert folder.exists()
    kept.close()
    assert not folder.exists()


def test_a_citation_whose_report_is_as_it_was_is_not_changed():
    assert changed_citations((LACKS, HAS), ScriptedAssistant()) == {}


def test_a_changed_report_is_told_with_where_the_same_quote_stands_now():
    newer = replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="dddddddddddd", source="other.docx"))
    changed = changed_citations((LACKS, HAS), ScriptedAssistant(inventory=(newer,)))
    assert changed[LACKS.id].now.report_id == "dddddddddddd"
    assert changed[LACKS.id].citation == LACKS
    assert changed[HAS.id].now is None


def test_the_same_words_of_another_year_or_office_are_no_newer_text():
    others = (
        replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="dddddddddddd", year=2024)),
        replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="eeeeeeeeeeee", office="别处街道办事处")),
        replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="ffffffffffff", region="别区")),
    )
    assert changed_citations((LACKS,), ScriptedAssistant(inventory=others))[LACKS.id].now is None
