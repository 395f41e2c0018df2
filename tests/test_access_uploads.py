import io
import time
import zipfile
import zlib

import docx
import pytest
from fpdf import FPDF

from rag.access import UploadLimits, check_upload
from rag.errors import DamagedFile, FileTooLarge, LoadError, UnsupportedFormat
from rag.loading import load_document
from rag.reading import LocalReader, ReadingLimits

LIMITS = UploadLimits(file_bytes=5_000_000)
READING = ReadingLimits(file_bytes=5_000_000, pdf_pages=20, chunk_tokens=320, seconds=60, megabytes=2048)
TEXT = "青石街道办事处2023年法治政府建设情况报告\n全年受理信访26件。".encode()


def word(text="全年受理信访26件。"):
    document = docx.Document()
    document.add_paragraph(text)
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def repacked(part, change):
    """A Word document with one part changed."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word())) as old, zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return data.getvalue()


def pdf(pages=1):
    document = FPDF()
    document.set_font("helvetica", size=12)
    for number in range(pages):
        document.add_page()
        for line in range(12):
            document.cell(text=f"Office {'abcdefghijkl'[line]} closed {number * 12 + line} petitions.", new_y="NEXT")
    return bytes(document.output())


def pdf_bomb(megabytes, times=1):
    content = b"\x00" * (megabytes * 1024 * 1024)
    for _ in range(times):
        content = zlib.compress(content, 9)
    stream = b"1 0 obj<</Length %d/Filter/FlateDecode>>stream\n" % len(content) + content + b"\nendstream endobj\n"
    return pdf().replace(b"%%EOF", stream + b"%%EOF")


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "哈" * 10}">' for n in range(9))
BILLION_LAUGHS = f"<!DOCTYPE w:document [{LAUGHS}]>".encode()
FOREIGN = b'<!DOCTYPE w:document [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def declared(declaration, encoding="utf-8"):
    def change(xml):
        head, _, rest = xml.partition(b"?>")
        body = rest.replace("全年".encode(), b"&a8;" if declaration is BILLION_LAUGHS else b"&a;")
        if encoding == "utf-8":
            return head + b"?>" + declaration + body
        return (declaration + body).decode().encode(encoding)

    return change


GOOD = [
    ("报告 2023.txt", TEXT), ("a.md", b"# A"), ("a.html", b"<html><p>text</p></html>"), ("a.docx", word()),
    ("a.pdf", pdf(3)),
]  # fmt: skip


@pytest.fixture(scope="module")
def reader():
    with LocalReader(READING, here_bytes=0) as opened:
        yield opened


@pytest.fixture
def hand_over(reader, tmp_path):
    """Do with a file what is done with an upload: look at it, then read it in a process of its own."""

    def hand(name, data):
        check_upload(name, data, LIMITS)
        path = tmp_path / name
        path.write_bytes(data)
        return reader.read(path)

    return hand


@pytest.mark.parametrize(("name", "data"), GOOD, ids=[name for name, _ in GOOD])
def test_a_report_passes(hand_over, name, data):
    assert hand_over(name, data).report.paragraphs


NAMES = [
    "../a.txt", "..\\a.txt", "/etc/passwd.txt", "C:\\a.txt", "C:a.txt", "a\x00.txt", "a.txt\x00.pdf", "a\n.txt",
    "a\x1b[2J.txt", "gpj.\u202etxt.pdf", "a\u200b.txt", "CON.txt", "nul.pdf", "com1.docx", ".txt", ".htaccess.txt",
    "a.txt ", "a.txt.", "", "a", "a.exe", "a.php", "a.svg", "x" * 300 + ".txt", "法" * 80 + ".txt", "a\ud800.txt",
    "a.txt:stream",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_leads_elsewhere_or_hides_what_it_is_is_refused(name):
    with pytest.raises(UnsupportedFormat):
        check_upload(name, TEXT, LIMITS)


WRONG = [
    ("a.txt", word()), ("a.docx", pdf()), ("a.pdf", TEXT), ("a.txt", b"MZ\x90\x00\x03" + b"\x00" * 60),
    ("a.txt", b"\x7fELF\x02\x01\x01\x00\x00"), ("a.html", b"\x89PNG\r\n\x1a\n"), 
    ("a.docx", b"PK\x05\x06" + b"\x00" * 18), ("a.pdf", b"%PDF-1.7\nnothing"), ("a.txt", b""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data"), WRONG)
def test_a_file_is_told_by_its_content_not_its_name(hand_over, name, data):
    with pytest.raises(LoadError):
        hand_over(name, data)


def test_size_pages_and_room_are_bounded(hand_over, tmp_path):
    with pytest.raises(FileTooLarge, match="RAG_MAX_FILE_MB"):
        check_upload("a.txt", TEXT * 100_000, LIMITS)
    with pytest.raises(FileTooLarge, match="RAG_MAX_PDF_PAGES"):
        hand_over("a.pdf", pdf(21))
    (tmp_path / "catalog").write_bytes(b"x" * 1000)
    with pytest.raises(FileTooLarge, match="RAG_MAX_STORE_MB"):
        check_upload("a.txt", TEXT, UploadLimits(5_000_000, store=tmp_path, store_bytes=1000 + len(TEXT) - 1))


def grown(more):
    return repacked("word/document.xml", lambda xml: xml + more)


def many_members():
    data = io.BytesIO(word())
    with zipfile.ZipFile(data, "a") as container:
        for number in range(6000):
            container.writestr(f"word/x{number}.xml", "<a/>")
    return data.getvalue()


COSTLY = {
    "a part packed a thousand times": ("a.docx", lambda: grown(b" " * 30_000_000)),
    "a part too large for a tree": ("a.docx", lambda: grown(b"<!--abcdefgh-->" * 4_000_000)),
    "thousands of parts": ("a.docx", many_members),
    "entities that multiply": ("a.docx", lambda: repacked("word/document.xml", declared(BILLION_LAUGHS))),
    "entities in UTF-16": ("a.docx", lambda: repacked("word/document.xml", declared(BILLION_LAUGHS, "utf-16"))),
    "an entity that names a file": ("a.docx", lambda: repacked("word/document.xml", declared(FOREIGN))),
    "a deflated gigabyte": ("a.pdf", lambda: pdf_bomb(1024)),
    "a deflated gigabyte, deflated": ("a.pdf", lambda: pdf_bomb(1024, times=2)),
    "100,000 nested elements": ("a.html", lambda: b"<html>" + b"<div>" * 100_000 + b"text"),
}  # fmt: skip


@pytest.mark.parametrize("case", COSTLY)
@pytest.mark.slow
def test_a_small_file_that_costs_much_is_refused_soon_when_read_and_when_uploaded(hand_over, case, tmp_path):
    name, make = COSTLY[case]
    data = make()
    path = tmp_path / name
    path.write_bytes(data)
    started = time.perf_counter()
    with pytest.raises((DamagedFile, FileTooLarge)) as read:
        load_document(path, max_bytes=LIMITS.file_bytes * 10, max_pages=20)
    assert time.perf_counter() - started < 10
    with pytest.raises(LoadError):
        hand_over(name, data)
    assert "root:" not in str(read.value) and "哈哈" not in str(read.value)


def test_100_000_pages_are_refused_before_any_is_read(tmp_path):
    count = 100_000
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, b"3 0 R " * count)]
    objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % (n, each) for n, each in enumerate(objects, 1))
    path = tmp_path / "a.pdf"
    path.write_bytes(body + b"trailer<</Root 1 0 R/Size 4>>\n%%EOF")
    started = time.perf_counter()
    with pytest.raises(FileTooLarge, match="100000 pages"):
        load_document(path, max_bytes=10_000_000)
    assert time.perf_counter() - started < 5
