"""Files handed over by people: kept in the store's own folder, then taken in like any other file."""

from __future__ import annotations

from rag.uploads.names import LONGEST_NAME, safe_name
from rag.uploads.staging import FOLDER
from rag.uploads.uploads import Upload, UploadCheck, UploadOutcome, UploadResult, Uploads, accept

__all__ = [
    "FOLDER",
    "LONGEST_NAME",
    "Upload",
    "UploadCheck",
    "UploadOutcome",
    "UploadResult",
    "Uploads",
    "accept",
    "safe_name",
]
