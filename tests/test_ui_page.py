import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from ui_scripted import ScriptedAssistant

from rag.errors import StoreError
from rag.settings import load_settings
from rag.ui import create_app, mount_page
from rag.ui.choices import NOTHING_CHOSEN
from rag.ui.conversation import Conversation
from rag.ui.page import ChatPage


def test_the_page_can_be_built_without_being_served_and_sends_no_statistics():
    blocks = create_app(ScriptedAssistant(), load_settings())
    assert blocks.analytics_enabled is False
    assert blocks.is_running is False


def test_only_the_tools_are_a_public_interface():
    blocks = create_app(ScriptedAssistant(), load_settings())
    assert set(blocks.get_api_info()["named_endpoints"]) == {"/ask", "/cite", "/find", "/list_reports", "/facts"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_served_page_names_no_foreign_font_or_script():
    page = TestClient(mount_page(FastAPI(), ScriptedAssistant(), load_settings())).get("/")
    assert page.status_code == 200
    assert "fonts.googleapis" not in page.text and "cdnjs" not in page.text


def test_words_follow_the_language_and_the_store(tmp_path):
    page = ChatPage(ScriptedAssistant(), load_settings(store=tmp_path))
    header, _, question, offices, years, regions, routes, *_ = page.wording("en", Conversation(), *NOTHING_CHOSEN)
    assert "3 reports · 2 offices · 2022–2023" in header
    assert [choice[1] for choice in offices.choices] == ["松岭街道办事处", "白鹭镇人民政府"]
    assert [choice[1] for choice in years.choices] == [2023, 2022]
    assert [choice[1] for choice in regions.choices] == ["云溪区"]
    assert [choice[0] for choice in routes.choices] == ["Automatic", "Passage", "Survey", "Count", "Comparison"]
    assert question.interactive


@pytest.mark.parametrize("broken", [False, True])
def test_an_empty_or_unusable_store_tells_the_command_that_fills_it(tmp_path, broken):
    class Broken(ScriptedAssistant):
        def reports(self):
            raise StoreError("no store here")

    page = ChatPage(Broken() if broken else ScriptedAssistant(inventory=()), load_settings(store=tmp_path / "a b"))
    _, chat, question, *_ = page.wording("zh", Conversation(), *NOTHING_CHOSEN)
    assert "还没有可以查询的报告" in chat.placeholder
    assert "python ingest.py PATH --store" in chat.placeholder
    assert not question.interactive


def test_filters_are_recalled_while_set():
    page = ChatPage(ScriptedAssistant(), load_settings())
    row, words = page.remind("zh", ["松岭街道办事处"], [2023], ["云溪区"], "compare")
    assert row.visible and "只在以下范围内回答：云溪区 · 松岭街道办事处 · 2023年；回答方式：比较" in words
    row, words = page.remind("zh", [], [], [], "auto", [], True)
    assert row.visible and "只摘录原文" in words
    row, words = page.remind("en", [], [], [], "auto", ["problems", "plan"])
    assert row.visible and "What falls short, Plans for next year" in words
    row, words = page.remind("zh", *NOTHING_CHOSEN)
    assert not row.visible


def test_examples_are_tried_out_once_for_as_long_as_the_reports_are_the_same():
    assistant = ScriptedAssistant()
    page = ChatPage(assistant, load_settings())
    assert len(page.offer_examples("zh").examples) == 4
    tried = len(assistant.tried)
    page.offer_examples("zh")
    assert len(assistant.tried) == tried
    assistant.inventory = assistant.inventory[:2]
    page.offer_examples("zh")
    assert len(assistant.tried) > tried


@pytest.mark.parametrize("model", [None, "some-model"])
def test_doing_without_the_chat_model_is_offered_where_there_is_one(model):
    page = ChatPage(ScriptedAssistant(), load_settings(llm_model=model))
    assert page.extractive.visible == (model is not None)
