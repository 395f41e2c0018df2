import logging

from ui_scripted import HOSTILE, LACKS, Reader, ScriptedAssistant, survey_answer

from rag.conversations import ChangedCitation
from rag.types import Filters, Route, Turn
from rag.ui.answers import answer_html
from rag.ui.conversation import Conversation, Request, converse


def ask(assistant, question, conversation=None, filters=None, language="zh", route=None):
    request = Request(question, filters or Filters(), language, route)
    return list(converse(assistant, conversation or Conversation(), request))


def last(state, language="zh"):
    return state.messages(language)[-1].html


def test_the_answer_grows_and_ends_with_its_sources():
    states = ask(ScriptedAssistant(), "哪些街道不具备行政执法权？")
    replies = [last(state) for state in states]
    assert "正在查找" in replies[0]
    assert all("aria-busy" in reply for reply in replies[:-1])
    assert 10 < len(replies) and 'class="sources"' in replies[-1]
    assert all(state.messages("zh")[0].role == "user" for state in states)


def test_the_next_question_carries_history_and_filters():
    assistant = ScriptedAssistant()
    first = ask(assistant, "哪些街道不具备行政执法权？")[-1]
    filters = Filters(years=(2023,))
    second = ask(assistant, "Who else?", first, filters)[-1]
    assert assistant.asked[1] == ("Who else?", filters, first.history)
    assert [turn.question for turn in second.history] == ["哪些街道不具备行政执法权？", "Who else?"]
    assert isinstance(first.history[0], Turn) and first.history[0].answer.startswith("**3份")
    assert len(second.messages("zh")) == 4


def test_the_way_of_answering_that_the_reader_chose_is_asked_for():
    assistant = ScriptedAssistant()
    ask(assistant, "哪些？", route=Route.SURVEY)
    ask(assistant, "哪些？")
    assert assistant.routes == [Route.SURVEY, None]


def test_a_question_that_is_too_long_gets_a_message_and_leaves_no_turn():
    state = ask(ScriptedAssistant(), "长" * 10_000)[-1]
    assert "这个问题没法回答" in last(state)
    assert state.history == ()


def test_an_unforeseen_failure_shows_no_traceback_and_is_logged(caplog):
    with caplog.at_level(logging.ERROR):
        state = ask(ScriptedAssistant(), "崩溃", language="en")[-1]
    assert "Something went wrong" in last(state, "en")
    assert "secret" not in last(state, "en") and "Traceback" not in last(state, "en")
    assert "ZeroDivisionError" in caplog.text


def test_an_answer_that_breaks_off_is_told():
    class Broken(ScriptedAssistant):
        def stream(self, question, **options):
            yield "半句"

    assert "broke off" in last(ask(Broken(), "问", language="en")[-1], "en")


def test_a_question_is_text_whatever_it_holds():
    (message, _) = ask(ScriptedAssistant(), HOSTILE)[0].messages("zh")
    reader = Reader(message.html)
    assert reader.tags == [] and reader.text == HOSTILE


def test_what_was_said_is_worded_anew_in_the_other_language():
    state = ask(ScriptedAssistant(), "哪些街道不具备行政执法权？")[-1]
    assert "出处" in last(state, "zh") and "Sources" in last(state, "en")


def test_a_source_whose_report_has_changed_says_so_and_leads_to_the_newer_text():
    changed = {LACKS.id: ChangedCitation(LACKS, LACKS)}
    html = answer_html(survey_answer("哪些？"), Filters(), "zh", changed=changed)
    assert html.count("这是当时的原文") == 1
    assert "查看现在的文本" in html
    assert LACKS.quote in html


def test_doing_without_the_chat_model_goes_with_the_question():
    assistant = ScriptedAssistant()
    request = Request("哪些街道不具备行政执法权？", Filters(), "zh", extractive=True)
    list(converse(assistant, Conversation(), request))
    assert assistant.extractive == [True]
