"""The whole application over a socket: MCP by the protocol's own client, the page's API by Gradio's."""

import json

import anyio
import pytest
from api_store import COUNTED, SURVEY, open_rag, served
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from rag.serialising import answer_to_dict
from rag.server import create_server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(rag):
    with served(create_server(rag, rag.settings)) as url:
        yield url


def talk(address: str, conversation):
    """Hold a conversation with the MCP server, as a coroutine function of a session."""

    async def hold():
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (receive, send, _),
            ClientSession(receive, send) as session,
        ):
            await session.initialize()
            return await conversation(session)

    return anyio.run(hold)


def told(result) -> object:
    assert not result.isError, result.content
    return json.loads(result.content[0].text)


def timeless(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "elapsed_ms"}


def test_the_tools_are_listed_with_their_arguments_described(address):
    tools = {tool.name: tool for tool in talk(address, lambda session: session.list_tools()).tools}
    assert set(tools) == {"ask", "cite", "find", "list_reports", "facts"}
    assert all(tool.description for tool in tools.values())
    ask = tools["ask"].inputSchema["properties"]
    assert set(ask) == {"question", "offices", "regions", "years", "route"}
    for tool in tools.values():
        for name, argument in tool.inputSchema["properties"].items():
            assert argument.get("description"), f"{tool.name}: {name}"
    assert "question" in tools["ask"].inputSchema["required"] and "years" not in tools["ask"].inputSchema["required"]


def test_a_client_asks_and_opens_what_is_cited(rag, address):
    async def conversation(session):
        answer = told(await session.call_tool("ask", {"question": SURVEY}))
        assert timeless(answer) == timeless(answer_to_dict(rag.ask(SURVEY)))
        cited = answer["citations"][0]
        opened = told(await session.call_tool("cite", {"citation_id": cited["id"]}))
        assert opened["paragraph"]["text"][cited["start"] : cited["end"]] == cited["quote"]
        narrowed = {"question": "信访案件多少件？", "offices": ["临泉镇"], "years": [2023], "route": "passage"}
        assert told(await session.call_tool("ask", narrowed))["citations"][0]["office"] == "临泉镇人民政府"
        (match,) = told(await session.call_tool("find", {"quote": "却不具备行政执法权"}))
        assert match["match"] == "exact"
        assert len(told(await session.call_tool("list_reports", {}))) == 3
        facts = told(await session.call_tool("facts", {"indicator": "信访", "offices": ["松湖街道"], "years": [2022]}))
        assert 36 in [fact["value"] for fact in facts]

    talk(address, conversation)


def test_a_mistake_is_told_with_what_to_do(address):
    async def conversation(session):
        malformed = await session.call_tool("cite", {"citation_id": "zz"})
        assert malformed.isError and "An id looks like" in malformed.content[0].text
        for argument in ({"route": "refused"}, {"years": ["last year"]}):
            mistaken = await session.call_tool("ask", {"question": SURVEY} | argument)
            (wrong,) = argument.get("years") or [argument.get("route")]
            assert mistaken.isError and f"'{wrong}' is no" in mistaken.content[0].text
        unknown = await session.call_tool("delete", {"report_id": "zz"})
        assert unknown.isError

    talk(address, conversation)


def test_gradios_own_client_calls_the_same_functions_and_no_event_of_the_page(rag, address):
    client = Client(address, verbose=False)
    try:
        answer = json.loads(client.predict(question=COUNTED, api_name="/ask"))
        assert timeless(answer) == timeless(answer_to_dict(rag.ask(COUNTED)))
        assert json.loads(client.predict(answer["citations"][0]["id"], api_name="/cite"))["paragraph"]
        with pytest.raises(AppError, match="An id looks like"):
            client.predict("zz", api_name="/cite")
        assert set(client.view_api(return_format="dict")["named_endpoints"]) == {
            "/ask", "/cite", "/find", "/list_reports", "/facts",
        }  # fmt: skip
        with pytest.raises(AppError, match="are no years"):
            client.predict(SURVEY, years=["last year"], api_name="/ask")
        with pytest.raises(ValueError, match="api_name"):
            client.predict(api_name="/remind")
    finally:
        client.close()
