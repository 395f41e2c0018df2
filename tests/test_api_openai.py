"""OpenAI's own client against the compatible endpoint."""

import httpx
import openai
import pytest
from api_store import COUNTED, SURVEY, open_rag, served
from fastapi import FastAPI

from rag.api import install_api
from rag.api.chat_completions import with_sources
from rag.api.chat_requests import ChatRequest
from rag.errors import GenerationError
from rag.types import Filters, Turn


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(rag):
    application = FastAPI()
    install_api(application, rag)
    with served(application) as url:
        yield url


@pytest.fixture(scope="module")
def client(address):
    with openai.OpenAI(base_url=f"{address}/v1", api_key="unused", max_retries=0, timeout=60) as opened:
        yield opened


def said(*texts: str) -> list[dict]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def test_the_models_are_the_routes(client):
    names = [model.id for model in client.models.list()]
    assert names == ["rag", "rag-passage", "rag-survey", "rag-count", "rag-compare"]
    assert client.models.retrieve("rag-survey").owned_by == "rag"


def test_an_answer_comes_with_its_citations_as_a_field_and_as_text(rag, client):
    reply = client.chat.completions.create(model="rag", messages=said(SURVEY))
    answer, message = rag.ask(SURVEY), reply.choices[0].message
    assert message.role == "assistant" and reply.choices[0].finish_reason == "stop"
    assert message.content == with_sources(answer) and message.content.startswith(answer.answer)
    citations = message.model_extra["citations"]
    assert [cited["id"] for cited in citations] == [citation.id for citation in answer.citations] != []
    assert all(f"“{cited['quote']}” ({cited['id']})" in message.content for cited in citations)
    assert reply.model_extra["rag"]["route"] == "survey" and reply.model_extra["rag"]["engine"] == "extractive"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_a_stream_says_the_same(client):
    whole = client.chat.completions.create(model="rag", messages=said(SURVEY))
    chunks = list(
        client.chat.completions.create(
            model="rag", messages=said(SURVEY), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant" and len({chunk.id for chunk in chunks}) == 1
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.model_extra["citations"] == whole.choices[0].message.model_extra["citations"]
    assert chunks[-1].usage == whole.usage


def test_the_conversation_is_the_questions_history(client):
    first = client.chat.completions.create(model="rag", messages=said(COUNTED)).choices[0].message.content
    follow = client.chat.completions.create(
        model="rag", messages=[{"role": "system", "content": "Be brief."}, *said(COUNTED, first, "2022年呢？")]
    )
    assert "36" in follow.choices[0].message.content
    assert follow.choices[0].message.model_extra["citations"][0]["year"] == 2022


def test_messages_become_turns_without_the_list_of_sources(rag):
    answer = rag.ask(COUNTED)
    messages = [
        *said(COUNTED, with_sources(answer)),
        {"role": "user", "content": [{"type": "text", "text": "2022年"}, {"type": "text", "text": "呢？"}]},
        {"role": "developer", "content": "Be brief."},
    ]
    request = ChatRequest(model="rag", messages=messages)
    assert request.turns() == (Turn(COUNTED, answer.answer.strip()),)
    assert request.question() == "2022年\n呢？"


def test_a_model_can_force_a_route_and_filters_can_be_added(rag, client):
    reply = client.chat.completions.create(
        model="rag-survey", messages=said("行政执法权"), extra_body={"filters": {"years": [2022]}}, temperature=0.2
    )
    assert reply.model_extra["rag"]["route"] == "survey"
    assert "1/1" in reply.choices[0].message.content
    assert "1/1" in rag.ask(SURVEY, filters=Filters(years=(2022,))).answer


@pytest.mark.parametrize(
    ("model", "messages", "error"),
    [
        ("gpt-4o", said("?"), openai.NotFoundError),
        ("rag", [], openai.UnprocessableEntityError),
        ("rag", said("?", "!"), openai.BadRequestError),
        (
            "rag",
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            openai.BadRequestError,
        ),
        ("rag", [{"role": "nobody", "content": "?"}], openai.UnprocessableEntityError),
    ],
)
def test_what_cannot_be_taken_is_told_as_openai_does(client, model, messages, error):
    with pytest.raises(error) as refused:
        client.chat.completions.create(model=model, messages=messages)
    assert refused.value.body["type"] == "invalid_request_error" and refused.value.body["message"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{x", 400), (b'{"model":"rag","messages":[{"role":"user","content":"\\ud800"}]}', 422), (b" " * 3_000_000, 413)],
)
def test_broken_bodies_are_no_fault_of_the_server(address, content, status):
    reply = httpx.post(f"{address}/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    assert reply.status_code == status
    assert httpx.get(f"{address}/v1/nope").json()["error"]["message"]


def test_a_stream_that_fails_ends_with_an_error(rag, client, monkeypatch):
    def broken(*_arguments, **_named):
        raise GenerationError("secret")

    monkeypatch.setattr(rag, "ask", broken)
    with pytest.raises(openai.APIError) as failed:
        list(client.chat.completions.create(model="rag", messages=said("?"), stream=True))
    assert "secret" not in str(failed.value)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="rag", messages=said("?"))
