"""The chat model's part: what the reader gets when it works, and when it is slow, wrong, rude or gone."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SettingsError
from rag.generation.markers import resolved
from rag.generation.prompts import FOLDER, VARIABLES, load_prompt, load_prompts
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Answer, Route, Turn, Verdict
from tests.scripted_server import Reply, ScriptedServer
from tests.test_generation_lies import ENGLISH, REPORTS, SONG22, SONG23

TRUE = "松湖街道2023年受理信访案件28件[{28件}]。"
SURVEY_REPORTS = REPORTS | {
    "he.txt": """禾丰街道办事处2023年法治政府建设情况报告

一、2023年推进法治政府建设的主要举措
（一）执法。下一步将推动行政执法权承接。
""",
}


def build(folder, reports):
    folder.mkdir()
    for name, text in reports.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / "store"
    with Rag(load_settings(store=path, embedding_model="hash"), create=True, owner=True) as rag:
        rag.ingest([folder / name for name in reports])
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("generation") / "c", SURVEY_REPORTS)


@pytest.fixture
def store(built, tmp_path):
    """A store of its own for each test, so that no judgement is known from another."""
    return shutil.copytree(built, tmp_path / "store")


def opened(store, server_or_url, **settings):
    url = server_or_url if isinstance(server_or_url, str) else server_or_url.url
    options = {"llm_model": "scripted", "llm_base_url": url, "llm_timeout_s": 10, "llm_retries": 0} | settings
    return Rag(load_settings(store=store, embedding_model="hash", **options))


def extractive(store, question):
    with Rag(load_settings(store=store, embedding_model="hash")) as rag:
        return rag.ask(question)


# When it works


def test_without_a_model_nothing_changes(store):
    answer = extractive(store, SONG23)
    assert answer.engine == "extractive"
    assert answer.notes == ()


def test_an_answer_of_the_model_names_it_and_cites_verbatim(store):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        answer = rag.ask(SONG23)
        assert rag.cite(answer.citations[0].id).citation.quote == answer.citations[0].quote
    assert (answer.engine, answer.route) == ("scripted", Route.PASSAGE)
    assert answer.answer == "松湖街道2023年受理信访案件28件[1]。"
    assert [(fact.value, fact.citation) for fact in answer.facts] == [(28, 1)]


def test_the_model_can_be_done_without_for_one_question(store):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        answer = rag.ask(SONG23, extractive=True)
        assert server.requests == []
    assert answer.engine == "extractive" and answer.citations


def test_markers_are_resolved_on_the_way_and_the_verified_form_comes_last(store):
    with ScriptedServer(Reply(TRUE + "另有无人机5架[Sdead]。", piece=1)) as server, opened(store, server) as rag:
        *pieces, answer = rag.stream(SONG23)
    assert len(pieces) > 5
    assert "".join(pieces) == "松湖街道2023年受理信访案件28件[1]。另有无人机5架。"
    assert isinstance(answer, Answer)
    assert "5架（未核实）" in answer.answer


def test_the_first_token_is_passed_on_at_once(store):
    with ScriptedServer(Reply(TRUE, pause=0.15)) as server, opened(store, server) as rag:
        rag.ask(SONG23)
        started = time.perf_counter()
        stream = rag.stream(SONG23)
        next(stream)
        first = time.perf_counter() - started
        list(stream)
        whole = time.perf_counter() - started
    assert first < 0.15 + 0.15 + 0.1  # the model's own time, the 150 ms allowed, and a busy machine's share
    assert first < whole / 2


def test_thoughts_of_a_reasoning_model_are_not_shown(store):
    said = "<think>也许是99件</think>" + TRUE
    with ScriptedServer(Reply(said, piece=3)) as server, opened(store, server) as rag:
        *pieces, answer = rag.stream(SONG23)
    assert "99" not in "".join(pieces) + answer.answer
    assert answer.engine == "scripted"


def test_links_and_tags_do_not_survive(store):
    said = "<script>alert(1)</script>[松湖街道](http://evil.example)2023年受理信访案件28件[{28件}]。![](http://evil.example/a.png)"
    with ScriptedServer(Reply(said)) as server, opened(store, server) as rag:
        answer = rag.ask(SONG23)
    assert "<" not in answer.answer
    assert "evil" not in answer.answer


def test_sources_are_cut_to_the_models_context(store):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server, llm_context_tokens=1750) as rag:
        answer = rag.ask(SONG23)
        few = len(server.requests[0].sources)
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        rag.ask(SONG23)
        many = len(server.requests[0].sources)
    assert 1 <= few < many
    assert answer.engine == "scripted"


def test_a_question_over_the_models_context_is_answered_without_it(store):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server, llm_context_tokens=1100) as rag:
        answer = rag.ask(SONG23)
        assert server.requests == []
    assert answer.engine == "extractive"
    assert "长度上限" in answer.notes[-1]


def test_a_key_of_the_hosted_service_is_not_sent_to_another_server(store, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hosted")
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        rag.ask(SONG23)
    assert "sk-hosted" not in server.requests[0].authorization


# When it fails

FAULTS = {
    "cut off in mid-answer": (Reply(TRUE, cut=2), "中断"),
    "ended without saying so": (Reply(TRUE, silent_end=True), "中断"),
    "an event that is no JSON": (Reply(TRUE, garbled=True), "格式"),
    "500": (Reply(status=500), "出错"),
    "429": (Reply(status=429), "繁忙"),
    "401": (Reply(status=401, error="bad key sk-secret"), "密钥"),
    "404": (Reply(status=404), "拒绝了请求"),
    "context overflow": (Reply(status=400, error="maximum context length is 10 tokens"), "长度上限"),
    "an empty reply": (Reply(""), "没有给出内容"),
    "only white space": (Reply(" \n "), "没有给出内容"),
    "cut at the token limit": (Reply(TRUE, finish="length"), "截断"),
    "filtered": (Reply("", finish="content_filter"), "拒绝回答"),
    "refused on the wire": (Reply("", refusal=True), "没有给出内容"),
    "refused in words": (Reply("抱歉，我无法回答这个问题。"), "拒绝回答"),
    "refused in English": (Reply("I'm sorry, I can't help with that."), "拒绝回答"),
    "finds no answer": (Reply("报告没有说明这一点。"), "没有说明"),
    "in another language": (Reply("In 2023 it handled 28 petition cases [{28件}]."), "语言"),
    "nothing borne out": (Reply("松湖街道共有无人机5架。"), "没有依据"),
    "slow": (Reply(TRUE, first=3.0), "限定时间"),
    "dripping": (Reply(TRUE * 20, pause=0.3, piece=1), "限定时间"),
}


@pytest.mark.parametrize(("reply", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_whatever_fails_the_extractive_answer_is_given_with_a_note_why(store, reply, told):
    plain = extractive(store, SONG23)
    with ScriptedServer(reply) as server, opened(store, server, llm_timeout_s=1.0) as rag:
        started = time.perf_counter()
        answer = rag.ask(SONG23)
        assert time.perf_counter() - started < 2.5
    assert (answer.answer, answer.citations, answer.engine) == (plain.answer, plain.citations, "extractive")
    assert any(told in note for note in answer.notes)
    assert "sk-secret" not in " ".join(answer.notes)


def test_an_unreachable_server_is_told(store):
    with ScriptedServer(Reply(TRUE)) as server:
        url = server.url
    with opened(store, url) as rag:
        answer = rag.ask(SONG23)
        english = rag.ask(ENGLISH)
    assert answer.engine == "extractive"
    assert "连接不上" in answer.notes[-1]
    assert "cannot be reached" in english.notes[-1]


def test_a_server_killed_in_mid_answer_leaves_the_extractive_answer(store):
    with ScriptedServer(Reply(TRUE * 60, pause=0.1)) as server, opened(store, server, llm_timeout_s=5) as rag:
        started = time.perf_counter()
        stream = rag.stream(SONG23)
        begun = next(stream)
        server.kill()
        *_, answer = stream
        taken = time.perf_counter() - started
    assert begun
    assert taken < 5
    assert answer.engine == "extractive"
    assert "**28件**" in answer.answer
    assert "中断" in answer.notes[-1]


def test_a_busy_server_is_tried_again_when_it_says(store):
    def script(request):
        return Reply(TRUE) if len(server.requests) > 1 else Reply(status=429, headers={"Retry-After": "0.4"})

    with ScriptedServer(script) as server, opened(store, server, llm_retries=1) as rag:
        answer = rag.ask(SONG23)
        first, second = (request.at for request in server.requests)
    assert answer.engine == "scripted"
    assert second - first >= 0.4


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(store):
    reply = Reply(status=429, headers={"Retry-After": "3600"})
    with ScriptedServer(reply) as server, opened(store, server, llm_retries=5, llm_timeout_s=3) as rag:
        started = time.perf_counter()
        answer = rag.ask(SONG23)
        assert time.perf_counter() - started < 2
        assert len(server.requests) == 1
    assert "繁忙" in answer.notes[-1]


def test_a_failing_server_is_tried_as_often_as_set_and_no_more(store):
    with ScriptedServer(Reply(status=500, headers={"Retry-After": "0"})) as server:
        with opened(store, server, llm_retries=3) as rag:
            rag.ask(SONG23)
        assert len(server.requests) == 4


def test_a_wrong_key_is_not_tried_again(store):
    with ScriptedServer(Reply(status=401)) as server, opened(store, server, llm_retries=3) as rag:
        rag.ask(SONG23)
        assert len(server.requests) == 1


def test_what_is_out_of_scope_is_refused_without_asking_the_model(store):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        assert rag.ask("幸福街道的信访案件有多少").refused
        assert rag.ask("").refused
        assert server.requests == []


def test_where_reports_and_model_are_silent_the_refusal_stands(store):
    with ScriptedServer(Reply("报告没有说明这一点。")) as server, opened(store, server) as rag:
        answer = rag.ask("松湖街道2023年有多少架无人机")
    assert answer.refused


# Surveys

POWER = "哪些街道不具备行政执法权"


def verdicts(answer):
    return {row.source: row.verdict for row in answer.survey.rows}


def judging(verdict, quote, against=""):
    return Reply(json.dumps({"verdict": verdict, "quote": quote, "quote_against": against}, ensure_ascii=False))


def test_the_model_judges_only_what_the_rules_left_open(store):
    assert verdicts(extractive(store, POWER))["he.txt"] is Verdict.NEEDS_REVIEW
    with ScriptedServer(judging("needs_review", "下一步将推动行政执法权承接")) as server, opened(store, server) as rag:
        answer = rag.ask(POWER)
        assert len(server.requests) == 1
        assert "禾丰街道" in server.requests[0].user
    assert answer.engine == "scripted"
    assert any("调用 1 次" in note for note in answer.notes)


def test_judgements_are_kept_and_not_paid_for_twice(store):
    with ScriptedServer(judging("needs_review", "下一步将推动行政执法权承接")) as server, opened(store, server) as rag:
        first, second = rag.ask(POWER), rag.ask(POWER)
        assert len(server.requests) == 1
    assert first.answer == second.answer
    assert any("调用 0 次" in note for note in second.notes)


def test_progress_and_cost_are_shown_before_the_survey(store):
    with ScriptedServer(judging("needs_review", "下一步将推动行政执法权承接")) as server, opened(store, server) as rag:
        pieces = [piece for piece in rag.stream(POWER) if isinstance(piece, str)]
    assert re.search("约需调用 1 次、输入 [1-9][0-9]* 词元", pieces[0])
    assert "1/1" in pieces[1]


def test_the_cost_is_reported_after_the_survey(store):
    with ScriptedServer(judging("needs_review", "下一步将推动行政执法权承接")) as server, opened(store, server) as rag:
        answer = rag.ask(POWER)
    assert re.search("调用 1 次，以往结果 0 份，输入约 [1-9][0-9]* 词元，输出约 [1-9][0-9]* 词元", answer.notes[-1])


def test_a_judgement_is_kept_for_its_report_question_and_model_only(store, tmp_path):
    """Another question, another model, or a report whose text changed: asked again."""
    with ScriptedServer(judging("needs_review", "下一步将推动行政执法权承接")) as server:
        with opened(store, server) as rag:
            rag.ask(POWER)
            rag.ask("哪些街道具备行政执法权")
        assert len(server.requests) == 2
        with opened(store, server, llm_model="another") as rag:
            rag.ask(POWER)
        assert len(server.requests) == 3
        changed = tmp_path / "he.txt"
        changed.write_text(
            SURVEY_REPORTS["he.txt"].replace("禾丰街道", "禾丰 街道") + "\n特此报告。\n", encoding="utf-8"
        )
        with Rag(load_settings(store=store, embedding_model="hash"), owner=True) as rag:
            rag.ingest([changed])
        with opened(store, server) as rag:
            rag.ask(POWER)
        assert len(server.requests) > 3


WORTHLESS = {
    "no JSON": Reply("I think yes"),
    "unknown verdict": judging("perhaps", "下一步将推动行政执法权承接"),
    "an altered quote": judging("yes", "没有行政执法权"),
    "no quote": judging("yes", ""),
    "a plan taken for having it": judging("no", "下一步将推动行政执法权承接"),
    "a plan taken for lacking it": judging("yes", "下一步将推动行政执法权承接"),
    "a list": Reply("[1, 2]"),
}


@pytest.mark.parametrize("reply", WORTHLESS.values(), ids=WORTHLESS.keys())
def test_a_worthless_judgement_leaves_the_report_for_review(store, reply):
    with ScriptedServer(reply) as server, opened(store, server) as rag:
        answer = rag.ask(POWER)
    assert verdicts(answer)["he.txt"] is Verdict.NEEDS_REVIEW
    assert any("不可用" in note and "he.txt" in note for note in answer.notes)
    assert verdicts(answer)["song22.txt"] is Verdict.YES
    assert all(row.verdict is Verdict.NOT_MENTIONED or row.citations for row in answer.survey.rows)


def test_with_all_the_model_cannot_turn_a_plain_verdict_round_by_a_lie(store):
    def script(request):
        quote = "却不具备行政执法权" if "却不具备" in request.user else "承接区里下放的行政处罚权21项"
        return judging("no" if "却不具备" in request.user else "yes", quote)

    with ScriptedServer(script) as server, opened(store, server, llm_survey="all") as rag:
        answer = rag.ask(POWER)
        assert len(server.requests) > 1
    found = verdicts(answer)
    assert found["song22.txt"] in (Verdict.YES, Verdict.NEEDS_REVIEW)
    assert found["song23.txt"] in (Verdict.NO, Verdict.NEEDS_REVIEW)
    assert any("song22.txt" in note for note in answer.notes)


def test_calls_under_way_are_bounded(tmp_path):
    reports = {
        f"r{n}.txt": SURVEY_REPORTS["he.txt"].replace("禾丰", f"甲{name}") for n, name in enumerate("山水林田湖草沙石")
    }
    path = build(tmp_path / "many", reports)
    with ScriptedServer(Reply('{"verdict": "needs_review"}', first=0.1)) as server:
        with opened(path, server, llm_parallel=2) as rag:
            rag.ask(POWER)
        assert len(server.requests) == 8
        assert server.most_under_way == 2


def test_a_model_that_is_gone_leaves_the_survey_by_rule(store):
    plain = extractive(store, POWER)
    with ScriptedServer(Reply()) as server:
        url = server.url
    with opened(store, url) as rag:
        answer = rag.ask(POWER)
    assert answer.answer == plain.answer
    assert any("连接不上" in note for note in answer.notes)


def test_a_survey_can_be_left_to_the_rules(store):
    with ScriptedServer(Reply()) as server, opened(store, server, llm_survey="off") as rag:
        assert rag.ask(POWER).engine == "extractive"
        assert server.requests == []


# Follow-ups

HISTORY = [Turn("松湖街道2022年受理了多少件信访案件？", "36件")]


def following(question):
    """Rewrite with one reply, answer with another."""
    return lambda request: Reply(question) if request.follow_up else Reply(TRUE)


def test_a_follow_up_is_rewritten_and_told(store):
    server = ScriptedServer(following("松湖街道2023年受理了多少件信访案件？"))
    with server, opened(store, server) as rag:
        answer = rag.ask("那后一年呢", history=HISTORY)
    assert "28件" in answer.answer
    assert answer.question == "那后一年呢"
    assert "松湖街道2023年" in answer.notes[0]


@pytest.mark.parametrize(
    "said",
    ["", "临泉镇2023年受理了多少件信访案件？", "松湖街道2031年信访多少件？", "一行\n两行", "In English?", "长" * 3000],
    ids=["nothing", "another office", "another year", "two lines", "another language", "too long"],
)
def test_a_follow_up_badly_rewritten_carries_over_by_rule(store, said):
    with ScriptedServer(following(said)) as server, opened(store, server) as rag:
        answer = rag.ask("2023年呢？", history=HISTORY)
    assert "28件" in answer.answer
    assert any("按规则沿用" in note for note in answer.notes)


def test_a_refusal_holds_on_every_turn(store):
    with ScriptedServer(following("松湖街道2023年有多少架无人机？")) as server, opened(store, server) as rag:
        answer = rag.ask("那无人机呢", history=HISTORY)
    assert answer.refused


# Terms that no dictionary knows

GIZMOS = "How many gizmos were there in Songhu in 2023?"


def translating(terms, answer="In 2023 Songhu handled 28 petition cases [{28件}]."):
    """Translate with one reply, answer with another."""
    return lambda request: Reply(terms) if "Terms:" in request.user else Reply(answer)


def test_a_term_that_no_dictionary_knows_is_translated_by_the_model_and_told(store):
    assert extractive(store, GIZMOS).refused
    with ScriptedServer(translating('{"gizmos": ["信访案件"], "other": ["无人机"]}')) as server:
        with opened(store, server) as rag:
            answer = rag.ask(GIZMOS)
        assert "- gizmos" in server.requests[0].user
    assert not answer.refused
    assert "28件" in answer.citations[0].quote
    assert answer.notes[0] == "The model translates “gizmos” as 信访案件."


@pytest.mark.parametrize(
    "terms",
    ["", "信访", "[]", '{"gizmos": 7}', '{"gizmos": ["petition", "信", "超过了八个汉字的词语"]}', '{"gizmos": null}'],
    ids=["nothing", "no JSON", "a list", "a number", "no Chinese words", "null"],
)
def test_a_useless_translation_leaves_the_refusal(store, terms):
    with ScriptedServer(translating(terms)) as server, opened(store, server) as rag:
        answer = rag.ask(GIZMOS)
    assert answer.refused
    assert not any("translates" in note for note in answer.notes)


@pytest.mark.parametrize("question", [SONG23, ENGLISH])
def test_no_call_is_made_for_terms_that_are_known_or_chinese(store, question):
    with ScriptedServer(Reply(TRUE)) as server, opened(store, server) as rag:
        rag.ask(question)
        assert not any("Terms:" in request.user for request in server.requests)


# Prompts, settings, markers


def test_a_prompt_that_is_missing_is_told_by_name(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "prompts")
    (tmp_path / "prompts" / "terms.en.md").unlink()
    with pytest.raises(SettingsError, match="terms.en.md cannot be read"):
        load_prompts(tmp_path / "prompts")


def test_a_prompt_that_is_no_text_is_told_by_name(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "prompts")
    (tmp_path / "prompts" / "judge.zh.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="judge.zh.md cannot be read"):
        load_prompts(tmp_path / "prompts")


@pytest.mark.parametrize(("name", "variables"), VARIABLES.items())
def test_each_prompt_left_without_one_of_its_variables_is_refused(tmp_path, name, variables):
    shutil.copytree(FOLDER, tmp_path / "prompts")
    path = tmp_path / "prompts" / f"{name}.md"
    gone = sorted(variables)[0]
    path.write_text(path.read_text(encoding="utf-8").replace("{{" + gone + "}}", ""), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"missing {gone}"):
        load_prompts(tmp_path / "prompts")


def test_every_prompt_loads_and_none_is_left_over():
    assert set(load_prompts()) == set(VARIABLES) == {path.stem for path in FOLDER.glob("*.md")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!-- system -->\n{{one}} {{three}}\n<!-- user -->\n{{two}}\n", "unknown three"),
        ("<!-- system -->\n{{one}}\n<!-- user -->\nx\n", "missing two"),
        ("{{one}} {{two}}", "<!-- system -->"),
    ],
)
def test_a_prompt_with_wrong_variables_is_refused_by_name(tmp_path, text, told):
    path = tmp_path / "p.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="p.md") as error:
        load_prompt(path, frozenset({"one", "two"}))
    assert told in str(error.value)


def test_a_value_that_looks_like_a_variable_stays_as_it_is(tmp_path):
    path = tmp_path / "p.md"
    path.write_text("<!-- system -->\n{{one}}\n<!-- user -->\n{{two}}\n", encoding="utf-8")
    assert load_prompt(path, frozenset({"one", "two"})).fill(one="{{two}}", two="x").system == "{{two}}"


def test_the_short_names_set_the_model_and_unrelated_lines_do_not_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("LLM_MODEL=small\nEDITOR_THEME=dark\nHOST=elsewhere\n", encoding="utf-8")
    monkeypatch.setenv("LLM_API_KEY", "sk-secret")
    settings = load_settings()
    assert (settings.llm_model, settings.host) == ("small", "127.0.0.1")
    assert "sk-secret" not in repr(settings)
    monkeypatch.setenv("RAG_LLM_MODEL", "large")
    assert load_settings().llm_model == "large"


def test_an_unknown_setting_is_told_and_a_secret_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_LLM_KEY", "sk-secret")
    with pytest.raises(SettingsError, match="RAG_LLM_KEY") as error:
        load_settings()
    assert "sk-secret" not in str(error.value)


def test_an_unknown_provider_is_told_when_the_store_is_opened(store):
    with pytest.raises(SettingsError, match="RAG_LLM_PROVIDER"):
        opened(store, "http://127.0.0.1:9/v1", llm_provider="nobody")


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60))
def test_a_stream_reads_the_same_however_it_is_cut(sizes):
    text = "甲28件[Saaaa]，乙（Sbbbb、Saaaa）。丙【Scccc】<think>x[Saaaa]</think>，a < b [x]（注）Sbbbb 末[2]"
    pieces, position = [], 0
    for size in sizes:
        pieces.append(text[position : position + size])
        position += size
    pieces.append(text[position:])
    shown = "".join(resolved(pieces, {"Saaaa", "Sbbbb"}))
    assert shown == "甲28件[1]，乙[2][1]。丙，a < b [x]（注）[2] 末"
    assert not re.search(r"S[0-9a-f]{4}", shown)


def test_the_scripted_questions_are_answerable_without_a_model(store):
    assert all(not extractive(store, question).refused for question in (SONG22, SONG23, ENGLISH))
