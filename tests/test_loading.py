"""What every file has in common: how it is found, and the one clear error it gives when it cannot be read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from rag.errors import (
    DamagedFile,
    EmptyFile,
    EncryptedFile,
    FileTooLarge,
    LoadError,
    UnreadableFile,
    UnsupportedFormat,
)
from rag.loading import SUPPORTED_SUFFIXES, find_files, load_document

LIMIT = 10 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
REAL_REPORTS = Path(__file__).parents[2] / "shared" / "reports"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def failure(path: Path, max_bytes: int = LIMIT) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load_document(path, max_bytes=max_bytes)
    assert path.name in str(caught.value)
    return caught.value


def test_a_folder_is_searched_recursively_for_what_can_be_read(tmp_path):
    wanted = [write(tmp_path / name, "文") for name in ("a.txt", "sub/b.MD", "sub/deep/c.pdf", "z.doc")]
    for name in ("d.xlsx", ".hidden.txt", "~$a.docx", ".git/e.txt", "__MACOSX/f.txt", "README"):
        write(tmp_path / name, "文")
    assert find_files([tmp_path]) == sorted(wanted)


def test_a_file_named_outright_is_taken_whatever_it_is_called(tmp_path):
    odd = write(tmp_path / ".odd", "文")
    assert find_files([odd]) == [odd]


def test_a_file_named_twice_is_found_once(tmp_path):
    file = write(tmp_path / "a.txt", "文")
    assert find_files([tmp_path, file, file]) == [file]


def test_a_path_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    with pytest.raises(UnreadableFile, match="nowhere.*does not exist"):
        find_files([tmp_path / "nowhere"])


def test_a_broken_link_in_a_folder_fails_alone(tmp_path):
    good = write(tmp_path / "a.txt", "文")
    broken = tmp_path / "b.txt"
    broken.symlink_to(tmp_path / "gone.txt")
    assert find_files([tmp_path]) == [good, broken]
    assert isinstance(failure(broken), UnreadableFile)


def test_a_subfolder_that_cannot_be_listed_is_not_passed_over(tmp_path, monkeypatch):
    write(tmp_path / "a.txt", "文")
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert closed in find_files([tmp_path])
    assert "permission" in str(failure(closed))


@pytest.mark.parametrize("content", [b"", b"\n\n \t\r\n", b"\xef\xbb\xbf", "　\u200b\n\u00a0".encode()])
def test_a_file_without_visible_text_is_empty(tmp_path, content):
    assert isinstance(failure(write(tmp_path / "a.txt", content)), EmptyFile)


@pytest.mark.parametrize("suffix", sorted(SUPPORTED_SUFFIXES))
def test_an_empty_file_of_any_format_is_empty(tmp_path, suffix):
    assert isinstance(failure(write(tmp_path / f"a{suffix}", b"")), EmptyFile)


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".docx", ".pdf"])
def test_binary_content_is_refused_in_any_format(tmp_path, suffix):
    content = bytes(range(256)) * 40
    assert isinstance(failure(write(tmp_path / f"a{suffix}", content)), DamagedFile)


def test_a_file_over_the_limit_names_the_setting(tmp_path):
    error = failure(write(tmp_path / "a.txt", b"x" * 2048), max_bytes=1024)
    assert isinstance(error, FileTooLarge)
    assert "RAG_MAX_FILE_MB" in str(error)


def test_a_folder_given_as_a_file_says_so(tmp_path):
    error = failure(tmp_path)
    assert isinstance(error, UnreadableFile)
    assert "folder" in str(error)


def test_a_file_that_vanished_says_so(tmp_path):
    assert "not there" in str(failure(tmp_path / "gone.txt"))


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    assert isinstance(failure(tmp_path / "pipe.txt"), UnreadableFile)


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    path = write(tmp_path / "a.txt", "文")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    error = failure(path)
    assert isinstance(error, UnreadableFile)
    assert "permission" in str(error)


def test_an_old_word_document_is_to_be_saved_as_docx(tmp_path):
    content = OLE + "WordDocument".encode("utf-16-le")
    for name in ("a.doc", "b.txt", "c.docx"):
        error = failure(write(tmp_path / name, content))
        assert isinstance(error, UnsupportedFormat)
        assert "old Word document" in str(error)
        assert "Save it as .docx" in str(error)


def test_a_word_document_with_a_password_is_encrypted(tmp_path):
    content = OLE + "EncryptedPackage".encode("utf-16-le")
    assert isinstance(failure(write(tmp_path / "a.docx", content)), EncryptedFile)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"%PDF-1.7\n...", "is a PDF"),
        ("a.docx", b"%PDF-1.7\n...", "is a PDF"),
        ("a.doc", "<html><body>正文</body></html>".encode(), "is a web page"),
        ("a.txt", "\ufeff<!DOCTYPE html><html>正文".encode("utf-16-le"), "is a web page"),
        ("a.txt", b"{\\rtf1\\ansi}", "Rich Text"),
        ("a.pdf", b"\x89PNG\r\n\x1a\n....", "a picture"),
        ("a.html", b"MIME-Version: 1.0\nContent-Type: multipart/related", "web archive"),
        ("a.csv", "甲,乙".encode(), "suffix '.csv'"),
        ("README", "甲乙".encode(), ".docx"),
    ],
)
def test_a_file_that_is_something_else_inside_says_what_it_is(tmp_path, name, content, told):
    error = failure(write(tmp_path / name, content))
    assert isinstance(error, UnsupportedFormat)
    assert told in str(error)


@pytest.mark.parametrize(
    ("member", "told"),
    [("word/document.xml", "Word document"), ("xl/workbook.xml", "Excel"), ("a.jpg", "zip archive")],
)
def test_a_container_named_txt_says_what_is_in_it(tmp_path, member, told):
    with zipfile.ZipFile(tmp_path / "a.txt", "w") as container:
        container.writestr(member, "x")
    assert told in str(failure(tmp_path / "a.txt"))


def test_many_comments_before_a_page_do_not_stall(tmp_path):
    path = write(tmp_path / "a.txt", "<!---->" * 580 + "文")
    assert load_document(path, max_bytes=LIMIT).blocks[0].text.endswith("文")


def test_no_foreign_error_escapes(tmp_path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a library's own trouble")

    monkeypatch.setattr("rag.loading.text.text_blocks", broken)
    error = failure(write(tmp_path / "a.txt", "文"))
    assert isinstance(error, DamagedFile)
    assert isinstance(error.__cause__, RuntimeError)


@pytest.mark.skipif(not REAL_REPORTS.is_dir(), reason="the real reports are not part of the repository")
def test_every_line_of_the_real_reports_is_a_block():
    for path in find_files([REAL_REPORTS]):
        document = load_document(path, max_bytes=LIMIT)
        shown = "".join("".join(block.text.split()) for block in document.blocks)
        stored = "".join(path.read_text(encoding="utf-8-sig").split())
        assert shown == stored.replace("#", "").replace("**", "")
        assert document.notes == ()
