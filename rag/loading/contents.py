"""What a file really is, told from its first bytes, where that is not what its name says."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

from rag.errors import DamagedFile, EncryptedFile, UnsupportedFormat

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WEB_PAGE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_WEB_ARCHIVE = re.compile(rb"\A\s*(?:From:.*\n)?(?:MIME-Version:|Content-Type:\s*multipart/related)", re.IGNORECASE)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00")
_ZIP_MEMBERS = (
    ("word/", "docx"),
    ("xl/", "an Excel workbook"),
    ("ppt/", "a PowerPoint presentation"),
    ("OFD.xml", "an OFD document"),
    ("content.xml", "an OpenDocument file"),
)
_SUFFIXES_OF = {"txt": {".txt", ".md", ".markdown"}, "html": {".html", ".htm"}, "docx": {".docx"}, "pdf": {".pdf"}}


def check_contents(data: bytes, source: str, suffix: str) -> None:
    """Refuse a file whose bytes are not what its suffix says.

    Args:
        data: The whole file.
        source: The file's name, for the error.
        suffix: The suffix of its name, in lower case.

    Raises:
        EncryptedFile: a Word document with a password.
        DamagedFile: a .docx or .pdf whose bytes are neither that nor any other known format.
        UnsupportedFormat: another format under this name, or one that cannot be read at all.
    """
    kind = _kind(data, source)
    if kind in _SUFFIXES_OF:
        if suffix not in _SUFFIXES_OF[kind]:
            _refuse_misnamed(source, suffix, kind)
    elif kind is not None:
        raise UnsupportedFormat(f"{source!r} is {kind}, which cannot be read. Save it as .docx, .pdf, .html or .txt.")
    elif suffix in (".docx", ".pdf"):
        raise DamagedFile(
            f"{source!r} is not a {suffix} file inside: it does not begin as one. Get the file again, or name it "
            "by what it is."
        )
    elif suffix == ".doc":
        raise UnsupportedFormat(f"{source!r} is a .doc, which cannot be read. Open it in Word and save it as .docx.")


def _kind(data: bytes, source: str) -> str | None:
    """Return ``docx``, ``pdf`` or ``html``, a description of anything else that is known, or None."""
    if (
        data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-")
        or data.startswith(b"%!PS-Adobe")
        and b"%PDF-" in data[:1024]
    ):
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(data)
    if data.startswith(_OLE):
        return _kind_of_ole(data, source)
    if data.startswith(b"{\\rtf"):
        return "a Rich Text (RTF) document"
    if data.startswith(_PICTURES):
        return "a picture"
    if data.startswith(_ARCHIVES):
        return "a compressed archive"
    head = data[:4096]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[2:].replace(b"\x00", b"")
    if _WEB_PAGE.match(head):
        return "html"
    return "a web archive (.mht)" if _WEB_ARCHIVE.match(head) else None


def _kind_of_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as container:
            names = container.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        # Cut off: the directory at the end is gone, but each member's name also stands before the member.
        if b"[Content_Types].xml" in data[:4096] and b"xl/" not in data[:4096] and b"ppt/" not in data[:4096]:
            return "docx"
        return "a damaged zip archive"
    for prefix, kind in _ZIP_MEMBERS:
        if any(name.startswith(prefix) for name in names):
            return kind
    return "a zip archive"


def _kind_of_ole(data: bytes, source: str) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise EncryptedFile(
            f"{source!r} asks for a password. Open it in Word, save it without one, and take that file."
        )
    for stream, kind in (
        ("Workbook", "an old Excel workbook (.xls)"),
        ("PowerPoint Document", "a presentation (.ppt)"),
    ):
        if stream.encode("utf-16-le") in data:
            return kind
    return "an old Word document (.doc)"


def _refuse_misnamed(source: str, suffix: str, kind: str) -> None:
    names = {"docx": "a Word document (.docx)", "pdf": "a PDF", "html": "a web page (HTML)"}
    raise UnsupportedFormat(
        f"{source!r} is named {suffix or 'without a suffix'} but is {names[kind]}. "
        f"Rename it to end in .{kind} and try again."
    )
