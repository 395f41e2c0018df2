import io
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import docx
import pypdfium2
import pytest
from docx.oxml.ns import qn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt
from ui_scripted import HAS, HOSTILE, LACKS, compare_answer, hostile_answer, survey_answer

from rag.conversations import ChangedCitation
from rag.errors import ExportError
from rag.exporting import ExportedTurn, compose, export, file_name, write_export
from rag.exporting.markdown import escaped
from rag.exporting.word_footnotes import legal
from rag.types import Answer, Filters, Route

BASE = "http://127.0.0.1:7860"
NAMES = {"w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main"}
QUESTION = "哪些街道不具备行政执法权？"


@pytest.fixture(scope="module")
def document():
    changed = {LACKS.id: ChangedCitation(LACKS, HAS)}
    turns = [
        ExportedTurn(QUESTION, survey_answer(QUESTION), Filters(years=(2023,)), "2024-01-02T03:04:05+00:00", changed),
        ExportedTurn("各多少件？", compare_answer("各多少件？")),
        ExportedTurn("没答完的", None),
    ]
    return compose("执法权", turns, BASE + "/")


@pytest.fixture(scope="module")
def parts(document):
    with zipfile.ZipFile(io.BytesIO(export(document, "docx"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def text_of(element):
    return "".join(node.text or "" for node in element.iter(qn("w:t")))


def shown(markdown):
    """What a reader sees of Markdown, without white space, and the kinds of elements that make it up."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    inline = [child for token in tokens for child in (token.children or [])]
    text = "".join(child.content for child in inline if child.type in {"text", "text_special"})
    return "".join(text.split()), {token.type for token in tokens} | {child.type for child in inline}


def test_a_footnote_holds_office_year_headings_quote_and_link(document):
    text = export(document, "md").decode()
    note = re.search(r"^\[\^1\]: (.*)$", text, re.MULTILINE)[1]
    assert "松岭街道办事处 · 2023年 · 二、存在的不足和原因 › 第6段" in note
    assert f"“{LACKS.quote}”" in note
    assert f"](<{BASE}/reports/aaaaaaaaaaaa#p6>)" in note
    assert "后来已更改" in note and f"<{BASE}/reports/bbbbbbbbbbbb#p3>" in note


def test_markdown_has_every_turn_with_its_table_and_a_footnote_for_every_reference(document):
    text = export(document, "md").decode()
    assert text.startswith("# 执法权\n\n## 哪些街道不具备行政执法权？\n\n")
    assert "| 白鹭镇人民政府 | 云溪区 | 2022年 | 否 | [^2] |" in text
    assert "| 松岭街道办事处（云溪区） | 2022 | 52件 | [^3] |" in text
    assert "范围：2023年 · 提问时间：2024-01-02 03:04 UTC" in text
    assert "没有得到完整的回答" in text
    body, notes = text.split("\n[^1]: ")
    referred = set(re.findall(r"\[\^(\d+)\]", body))
    assert referred == {"1", *re.findall(r"^\[\^(\d+)\]:", notes, re.MULTILINE)} == {"1", "2", "3", "4"}


def test_the_title_that_is_the_question_stands_once():
    text = export(compose(QUESTION, [ExportedTurn(QUESTION, survey_answer(QUESTION))], BASE), "md").decode()
    assert text.count(QUESTION) == 1


def test_an_english_answer_has_english_words_around_it():
    question = "Which lack it?"
    text = export(compose("x", [ExportedTurn(question, survey_answer(question))], BASE), "md").decode()
    assert "| Office | Region | Year | Verdict | Sources |" in text and "Not mentioned" in text


def test_sources_that_the_text_never_names_are_not_lost():
    answer = replace(compare_answer(), answer="没有编号。")
    text = export(compose("问", [ExportedTurn("问", answer)], BASE), "md").decode()
    assert "另见：[^1][^2]" in text and HAS.quote in text


def test_a_marker_without_a_citation_stays_text():
    answer = replace(compare_answer(), answer="见[7]。", citations=())
    document = compose("问", [ExportedTurn("问", answer)], BASE)
    assert r"见\[7\]。" in export(document, "md").decode()
    assert document.footnotes == ()
    assert "word/footnotes.xml" not in zipfile.ZipFile(io.BytesIO(export(document, "docx"))).namelist()


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60))
@example("1. 甲")
@example("- 乙")
@example("# 丙 | 丁 **戊** `己` <b> [庚](x) ![辛](y) &amp; \\ ~~壬~~ _癸_")
@example("+ a")
@example("=")
@example("---")
@example("    code")
@example("http://a.b www.c.d e@f.g")
def test_escaped_text_is_seen_as_it_is_and_makes_nothing_of_markdown(text):
    seen, kinds = shown(escaped(text))
    assert seen == "".join(text.split())
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30))
@example("a|b\\|c")
def test_a_cell_with_any_text_keeps_the_table_in_shape(text):
    seen, kinds = shown(f"| x | y |\n|---|---|\n| {escaped(text)} | z |\n")
    assert seen == "xy" + "".join(text.split()) + "z"
    assert "table_open" in kinds and "link_open" not in kinds and "html_inline" not in kinds


def test_addresses_in_a_report_are_no_links():
    assert escaped("http://a.b") == r"http\://a.b"
    assert escaped("www.a.b x@y.z") == r"www\.a.b x\@y.z"


def test_a_hostile_report_is_text_in_markdown():
    seen, kinds = shown(export(compose("问", [ExportedTurn("问", hostile_answer("问"))], BASE), "md").decode())
    assert "".join(HOSTILE.split()) in seen
    assert not kinds & {"html_inline", "html_block", "image"}


def test_the_word_file_has_real_footnotes_that_its_parts_declare(parts, document):
    types = etree.fromstring(parts["[Content_Types].xml"])
    declared = {item.get("PartName"): item.get("ContentType") for item in types if item.get("PartName")}
    assert declared["/word/footnotes.xml"].endswith("wordprocessingml.footnotes+xml")
    relations = etree.fromstring(parts["word/_rels/document.xml.rels"])
    assert [item.get("Target") for item in relations if item.get("Type").endswith("/footnotes")] == ["footnotes.xml"]
    notes = etree.fromstring(parts["word/footnotes.xml"]).findall("w:footnote", NAMES)
    assert [note.get(qn("w:id")) for note in notes] == ["-1", "0", "1", "2", "3", "4"]
    assert [note.get(qn("w:type")) for note in notes[:3]] == ["separator", "continuationSeparator", None]
    assert LACKS.quote in text_of(notes[2]) and "第6段" in text_of(notes[2])
    links = {item.get("Id"): item.get("Target") for item in etree.fromstring(parts["word/_rels/footnotes.xml.rels"])}
    used = [links[link.get(qn("r:id"))] for link in notes[3].iter(qn("w:hyperlink"))]
    assert used == [f"{BASE}/reports/bbbbbbbbbbbb#p3"]


def test_every_footnote_is_referred_to_once_and_cross_referred_to_after_that(parts):
    body = etree.fromstring(parts["word/document.xml"])
    referred = [item.get(qn("w:id")) for item in body.iter(qn("w:footnoteReference"))]
    assert referred == ["1", "2", "3", "4"]
    marks = {mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))}
    fields = [field.get(qn("w:instr")).split()[:2] for field in body.iter(qn("w:fldSimple"))]
    assert fields and all(kind == "NOTEREF" and mark in marks for kind, mark in fields)


def test_settings_and_styles_hold_what_word_needs_for_footnotes(parts):
    settings = etree.fromstring(parts["word/settings.xml"])
    order = [etree.QName(child).localname for child in settings]
    assert order.index("characterSpacingControl") < order.index("footnotePr") < order.index("compat")
    known = {style.get(qn("w:styleId")) for style in etree.fromstring(parts["word/styles.xml"]).iter(qn("w:style"))}
    written = parts["word/document.xml"] + parts["word/footnotes.xml"]
    used = set(re.findall(rb'<w:(?:p|r|tbl)Style w:val="([^"]+)"', written))
    assert {name.decode() for name in used} <= known


def test_the_word_file_opens_again_with_its_headings_and_tables(document):
    file = docx.Document(io.BytesIO(export(document, "docx")))
    styles = [(paragraph.style.name, paragraph.text) for paragraph in file.paragraphs]
    assert styles[0] == ("Title", "执法权") and styles[1] == ("Heading 1", QUESTION)
    assert [cell.text for cell in file.tables[0].rows[2].cells][:4] == ["白鹭镇人民政府", "云溪区", "2022年", "否"]
    assert len(file.tables) == 2
    assert file.core_properties.author == "" and file.core_properties.title == "执法权"


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.slow
def test_libreoffice_sets_the_footnotes_at_the_foot(document, tmp_path):
    (tmp_path / "a.docx").write_bytes(export(document, "docx"))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run(
        ["soffice", profile, "--headless", "--convert-to", "pdf", "a.docx"], cwd=tmp_path, check=True, timeout=120
    )
    with pypdfium2.PdfDocument(tmp_path / "a.pdf") as pdf:
        text = "".join("".join(page.get_textpage().get_text_bounded().split()) for page in pdf)
    assert QUESTION in text
    assert "/reports/aaaaaaaaaaaa#p6" in text and "/reports/bbbbbbbbbbbb#p3" in text  # stand in footnotes alone


@settings(deadline=None, max_examples=40)  # each makes a Word file, which takes as long as the machine is busy
@given(st.text(max_size=40))
@example("\x00\x0b\ud800\ufffe")
def test_any_text_can_be_written(text):
    answer = Answer(text, "zh", Route.PASSAGE, text + "[1]", False, (replace(LACKS, quote=text),), notes=(text,))
    document = compose(text, [ExportedTurn(text, answer)], BASE)
    file = docx.Document(io.BytesIO(export(document, "docx")))
    assert "".join(legal(" ".join(text.split())).split()) in "".join(file.paragraphs[0].text.split())
    export(document, "md").decode()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("哪些街道？", "哪些街道？.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ('a<b>:"c"|d?*\\e', "a b c d e.md"),
        ("CON", "export CON.md"),
        ("nul.txt", "export nul.txt.md"),
        ("  . ", "export.md"),
        ("\u202egnp.exe\x00\n", "gnp.exe.md"),
    ],
)
def test_file_names_are_safe(title, name):
    assert file_name(title, "md") == name


def test_a_long_title_makes_a_name_that_file_systems_take():
    assert len(file_name("长" * 300, "docx").encode()) <= 255


def test_another_format_or_an_unwritable_place_is_told(document, tmp_path):
    with pytest.raises(ExportError, match=r"\.docx or \.md"):
        write_export(document, tmp_path / "a.pdf")
    with pytest.raises(ExportError, match="--export"):
        write_export(document, tmp_path / "nowhere" / "a.md")
    write_export(document, tmp_path / "A.DOCX")
    assert docx.Document(tmp_path / "A.DOCX").paragraphs
