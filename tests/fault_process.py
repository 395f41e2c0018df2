"""Commands as processes of their own, begun in a moment: forked off a server that has imported everything."""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
LARGEST_FILE = 1 << 30  # a broken vector index has been seen to write a 72 GB file
HASH_MODEL = {"RAG_EMBEDDING_MODEL": "hash", "RAG_CHUNK_TOKENS": "64", "PYTHONIOENCODING": "utf-8"}

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["ingest", "rag.__main__", "evaluate", "app", "chromadb"])


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code (minus the signal that ended it), and all that it printed."""

    code: int | None
    out: str
    err: str

    @property
    def told(self) -> str:
        return self.out + self.err

    def lines(self, *beginnings: str) -> set[str]:
        """Return the sources told in lines that begin so, as ``ingest.py --verbose`` prints them."""
        found = (line.partition(" ") for line in self.out.splitlines())
        return {rest for first, space, rest in found if space and first in beginnings}


class Command:
    """A command under way: ``Command("ingest", folder, "--store", store)``, ``Command("rag.__main__", "verify")``."""

    def __init__(self, module: str, *arguments: object, obedient: bool = False, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fault-command-"))
        given = ([str(argument) for argument in arguments], {**os.environ, **HASH_MODEL, **environment}, obedient)
        self.process = _FORKING.Process(target=_main, args=(module, *given, str(self.folder)), daemon=True)
        self._done: Done | None = None
        with _importable():
            self.process.start()

    def printed(self) -> str:
        """Return what it has printed so far."""
        path = self.folder / "out"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def kill(self) -> bool:
        """End it with SIGKILL; say whether it was still at work."""
        self.process.kill()
        return self.done().code == -9

    def done(self, seconds: float = 120) -> Done:
        """Wait for its end."""
        if self._done is None:
            self.process.join(seconds)
            if self.process.exitcode is None:
                self.process.kill()
                self.process.join()
            streams = [self.folder / name for name in ("out", "err")]
            texts = [path.read_text(encoding="utf-8", errors="replace") if path.exists() else "" for path in streams]
            self._done = Done(self.process.exitcode, *texts)
            shutil.rmtree(self.folder)
        return self._done


class App:
    """``app.py`` serving a store; ``post`` and ``ask`` speak to it as a program, ``page`` as its own page does."""

    def __init__(self, store: Path, **options: object) -> None:
        self.command = Command("app", "--store", store, "--port", "0", **options)
        until = time.monotonic() + 120
        while not (found := re.search(r"http://\S+", self.command.printed())):
            assert self.command.process.is_alive() and time.monotonic() < until, self.command.done(1).told
            self.command.process.join(0.02)
        self.url = found[0]
        self.client = httpx.Client(base_url=self.url, timeout=60)
        self.page = httpx.Client(base_url=self.url, timeout=60, headers={"Origin": self.url})

    def upload(self, *files: tuple[str, str]) -> httpx.Response:
        return self.client.post("/api/v1/reports", files=[("files", (name, text.encode())) for name, text in files])

    def ask(self, question: str) -> dict[str, Any]:
        response = self.client.post("/api/v1/ask", json={"question": question})
        assert response.status_code == 200, response.text
        return response.json()

    def stop(self) -> Done:
        """End it as a service manager does; what it said must hold no traceback."""
        self.command.process.terminate()
        done = self.command.done(30)
        assert done.code == 0 and "Traceback" not in done.told, done.told
        return done

    def kill(self) -> None:
        """End it with SIGKILL, and with it what it was doing."""
        self.command.kill()


@contextmanager
def served(store: Path, **options: object) -> Iterator[App]:
    """Serve a store for a while."""
    app = App(store, **options)
    try:
        yield app
    finally:
        app.client.close()
        app.page.close()
        if app.command.process.is_alive():
            app.stop()


def run(module: str, *arguments: object, obedient: bool = False, **environment: str) -> Done:
    """Run a command to its end; whatever happens to it, its user sees no traceback."""
    done = Command(module, *arguments, obedient=obedient, **environment).done()
    assert "Traceback" not in done.told, done.told
    return done


def rag(*arguments: object, **options: object) -> Done:
    """Run ``python -m rag …``."""
    return run("rag.__main__", *arguments, **options)


def unprivileged() -> dict[str, Any]:
    """Return the option under which a command obeys permissions, which root does not."""
    return {"obedient": True}


def _obey_permissions() -> None:
    """Give up the capabilities by which root reads and writes what its permissions forbid."""
    if os.geteuid():
        return
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    system = ctypes.CDLL(None, use_errno=True)
    assert system.capget(header, data) == 0, os.strerror(ctypes.get_errno())
    for place in (0, 1):  # effective and permitted: CAP_DAC_OVERRIDE is 1, CAP_DAC_READ_SEARCH 2
        data[place] &= ~0b110
    assert system.capset(header, data) == 0, os.strerror(ctypes.get_errno())


class _importable:
    """Lets the server that forks find the project's modules, however pytest was started."""

    def __enter__(self) -> None:
        self._before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = self._before


def _main(module: str, arguments: Sequence[str], environment: Mapping[str, str], obedient: bool, folder: str) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o666), number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    if obedient:
        _obey_permissions()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    code = importlib.import_module(module).main(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
