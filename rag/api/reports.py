"""The reports themselves: listed, read, uploaded, taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, Path, UploadFile
from fastapi.responses import JSONResponse, Response

from rag.api.dependencies import Check, Library
from rag.api.problems import Kind, documented, kind_of, respond
from rag.api.problems import describe as describe_problem
from rag.api.replies import DeletedReply, InventoryReply, UploadsReply, WholeReport
from rag.catalog import InventoryRow
from rag.errors import FileTooLarge
from rag.pipeline import Rag
from rag.serialising import inventory_to_dict, report_to_dict, whole_report_to_dict
from rag.uploads import Upload, UploadCheck, UploadResult

MOST_FILES = 100
_UPLOADING = CapacityLimiter(2)
"""Uploads wait for each other; the threads that answer questions must not wait with them."""

ReportId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["3f9ac1d2b07e"])]

router = APIRouter(tags=["reports"])


@router.get("/reports", response_model=InventoryReply, responses=documented())
def inventory(rag: Library) -> Response:
    """List the reports with their duplicates, and the years missing between an office's first and last."""
    return JSONResponse(without_paths(rag.inventory()))


def without_paths(rows: Sequence[InventoryRow]) -> dict[str, Any]:
    """Return the inventory with file names in place of the paths on this machine."""
    listed = inventory_to_dict(rows)
    for report in listed["reports"]:
        del report["path"]
        report["duplicates"] = [path.replace("\\", "/").rpartition("/")[2] for path in report["duplicates"]]
    return listed


@router.get("/reports/{report_id}", response_model=WholeReport, responses=documented(404))
def report(report_id: ReportId, rag: Library) -> Response:
    """Return a whole report: headings and paragraphs, in order."""
    return JSONResponse(whole_report_to_dict(rag.report(report_id)))


@router.post("/reports", response_model=UploadsReply, responses=documented(400, 409))
async def upload(
    files: Annotated[
        list[UploadFile], File(description=".txt, .md, .html, .docx or .pdf", min_length=1, max_length=MOST_FILES)
    ],
    rag: Library,
    check: Check,
) -> Response:
    """Take files in, each by itself; if none could be read, the problem is the first one's.

    A file of the same name, office and year as one that is in takes its place (`replaced`). A text that is in already
    is a `duplicate`. A failed file leaves everything as it was.
    """
    if len(files) > rag.settings.upload_files:
        raise FileTooLarge(
            f"A request may bring {rag.settings.upload_files} files, and this one brings {len(files)}. Send them in "
            "several, or raise RAG_UPLOAD_FILES."
        )
    results = await to_thread.run_sync(_take_in, rag, files, check, limiter=_UPLOADING)
    told = [_result(result) for result in results]
    if all(result.outcome == "failed" for result in results):
        return _all_failed(results, told)
    return JSONResponse({"files": told})


def _take_in(rag: Rag, files: Sequence[UploadFile], check: UploadCheck) -> tuple[UploadResult, ...]:
    most = int(rag.settings.max_file_mb * 1024 * 1024)

    def contents() -> Iterator[Upload]:
        for file in files:
            yield Upload(file.filename or "", file.file.read(most + 1))

    return rag.upload(contents(), check=check)


def _result(result: UploadResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "outcome": result.outcome,
        "report": report_to_dict(result.report) if result.report else None,
        "detail": result.detail,
    }


def _all_failed(results: Sequence[UploadResult], told: list[dict[str, Any]]) -> Response:
    first = results[0]
    kind = kind_of(first.error) if first.error else Kind(422, "File cannot be read", "Send it again.")
    return respond(describe_problem(kind, first.name, first.detail), files=told)


@router.delete("/reports/{report_id}", response_model=DeletedReply, responses=documented(404, 409))
def delete(report_id: ReportId, rag: Library) -> Response:
    """Take a report out, with every file that holds its text; files outside the store stay where they are."""
    return JSONResponse({"report_id": report_id, "files": list(rag.delete(report_id))})
