"""The zip archive that a Word document is, held to what real documents are before anything of it is unpacked."""

from __future__ import annotations

import zipfile
from io import BytesIO

from lxml import etree

from rag.errors import DamagedFile, FileTooLarge

_MEGABYTE = 1024 * 1024
_MOST_UNPACKED = 256 * _MEGABYTE
_MOST_XML = 48 * _MEGABYTE
"""XML unpacked, all parts together: a report has 1 MB, a tree of it takes about ten times as much memory."""
_MOST_MEMBERS = 5_000
_MOST_RATIO = 250
"""Of a part over a megabyte to what it takes packed. Word's XML comes to 10 to 60, deflate's utmost is 1,032."""


def check_container(data: bytes, source: str) -> None:
    """Refuse a container that is broken, or unpacks to what no document does.

    Args:
        data: The whole file.
        source: The file's name, for the error.

    Raises:
        DamagedFile: it is cut off or encrypted, or its XML declares entities, which Word never writes.
        FileTooLarge: it unpacks to too much.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as container:
            members = container.infolist()
            if any(member.flag_bits & 1 for member in members):
                raise DamagedFile(f"{source!r} is a zip archive with a password, not a Word document. Unpack it first.")
            _check_sizes(members, source)
            for member in filter(_is_xml, members):
                _refuse_declarations(container, member, source)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise DamagedFile(
            f"{source!r} is a Word document that is cut off or damaged ({error}). Get the file again."
        ) from error


def _check_sizes(members: list[zipfile.ZipInfo], source: str) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > _MOST_UNPACKED:
        raise FileTooLarge(
            f"{source!r} unpacks to {unpacked // _MEGABYTE} MB; Word documents over {_MOST_UNPACKED // _MEGABYTE} MB "
            "unpacked are refused. Take out its pictures and save it again."
        )
    xml = sum(member.file_size for member in members if _is_xml(member))
    bombs = [member for member in members if member.file_size > max(_MEGABYTE, _MOST_RATIO * member.compress_size)]
    if xml > _MOST_XML or bombs or len(members) > _MOST_MEMBERS:
        raise FileTooLarge(
            f"{source!r} has {len(members)} parts and {xml // _MEGABYTE} MB of text and marks, or parts packed over "
            f"{_MOST_RATIO} times: no real report does. Copy its text into a new document."
        )


def _is_xml(member: zipfile.ZipInfo) -> bool:
    return member.filename.lower().endswith((".xml", ".rels"))


def _refuse_declarations(container: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> None:
    """Refuse a document type declaration (ISO/IEC 29500-2, 9.1.4): entities could multiply, or name other files."""
    with container.open(member) as part:
        parser = etree.iterparse(
            part, events=("start",), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
        )
        try:
            _, root = next(iter(parser))
        except (etree.XMLSyntaxError, StopIteration):
            return  # python-docx tells what is wrong with the parts that matter
        if root.getroottree().docinfo.internalDTD is not None:
            raise DamagedFile(
                f"{source!r} declares entities in {member.filename!r}, which Word never does. Copy its text into a new "
                "document."
            )
