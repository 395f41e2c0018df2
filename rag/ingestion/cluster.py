"""Reading and embedding over a Ray cluster: files travel with the calls, the results come back, one process commits.

Ray is imported here alone, when a cluster is asked for.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rag
from rag.embedding import Embedder, Progress, load_embedder
from rag.embedding.batching import embed_distinct
from rag.errors import EmbeddingError, LoadError, RagError, SettingsError
from rag.loading import read_bytes
from rag.reading import LocalReader, ReadFile, ReadingLimits
from rag.settings import Settings
from rag.structure import MetaOverrides

_CALL_TEXTS = 64
"""Texts a call embeds: a few seconds of one core, so that little is done again when a machine is lost."""
_RETRIES = 3
_SECONDS_TO_WAIT = 0.2

Outcome = tuple[Any, RagError | None]
"""What a worker returns; its error as a value, since Ray would put a traceback into the message."""


class _ReadingWorker:
    """Reads files in a child process of its own, as ``LocalReader`` does on one machine."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._reader = LocalReader(limits, here_bytes=0)

    def read(self, name: str, data: bytes, overrides: MetaOverrides | None) -> Outcome:
        """Read a file's bytes."""
        with tempfile.TemporaryDirectory(prefix="reading-") as folder:
            path = Path(folder, name)
            path.write_bytes(data)
            try:
                return self._reader.read(path, overrides), None
            except LoadError as error:
                return None, error.with_traceback(None)


class _EmbeddingWorker:
    """Holds the model."""

    def __init__(self, settings: Settings) -> None:
        self._embedder = load_embedder(settings)

    def embed(self, texts: list[str]) -> Outcome:
        """Embed passages."""
        try:
            return self._embedder.embed_passages(texts), None
        except RagError as error:
            return None, error.with_traceback(None)


class Cluster:
    """Readers and an embedder over the cluster.

    Attributes:
        workers: Workers that embed.
    """

    def __init__(self, ray: Any, settings: Settings) -> None:  # noqa: ANN401 - the module
        resources = ray.cluster_resources()
        gpus, cores = int(resources.get("GPU", 0)), max(1, int(resources.get("CPU", 1)))
        self.workers = gpus or cores
        # No cores are reserved: a worker whose machine is lost must find a place on those left.
        options = {"max_restarts": -1, "max_task_retries": _RETRIES, "scheduling_strategy": "SPREAD", "num_cpus": 0}
        reading = ray.remote(**options)(_ReadingWorker)
        embedding = ray.remote(**options, num_gpus=1 if gpus else 0)(_EmbeddingWorker)
        limits = ReadingLimits.of(settings)
        self.reader = ClusterReader([reading.remote(limits) for _ in range(cores)], limits)
        own = load_embedder(settings)
        self.embedder = ClusterEmbedder(ray, [embedding.remote(settings) for _ in range(self.workers)], own)


class ClusterReader:
    """Sends files to the cluster. See ``rag.reading.Reader``."""

    def __init__(self, workers: Sequence[Any], limits: ReadingLimits) -> None:
        self._workers = cycle(workers)
        self._limits = limits

    def submit(self, path: Path, overrides: MetaOverrides | None) -> Future[ReadFile]:
        """Have a file read."""
        result: Future[ReadFile] = Future()
        try:
            data = read_bytes(path, max_bytes=self._limits.file_bytes)
        except LoadError as error:
            result.set_exception(error)
            return result
        sent: Future[Outcome] = next(self._workers).read.remote(path.name, data, overrides).future()
        sent.add_done_callback(lambda done: _pass_on(done, result))
        return result


class ClusterEmbedder:
    """Embeds passages over the cluster, questions here. See ``rag.embedding.Embedder``."""

    def __init__(self, ray: Any, workers: Sequence[Any], own: Embedder) -> None:  # noqa: ANN401 - the module
        self._ray = ray
        self._workers = workers
        self._own = own

    @property
    def name(self) -> str:
        """Identity stored with an index."""
        return self._own.name

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._own.dimension

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,)."""
        return self._own.embed_query(text)

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension).

        Raises:
            EmbeddingError: the model cannot be loaded or run, or a worker failed again and again.
        """
        return embed_distinct(texts, self._embed, on_progress) if texts else np.empty((0, self.dimension), np.float32)

    def _embed(self, texts: list[str], report: Progress) -> NDArray[np.float32]:
        parts = [texts[start : start + _CALL_TEXTS] for start in range(0, len(texts), _CALL_TEXTS)]
        calls = {
            worker.embed.remote(part): number
            for number, (worker, part) in enumerate(zip(cycle(self._workers), parts, strict=False))
        }
        matrices: dict[int, NDArray[np.float32]] = {}
        waiting = list(calls)
        while waiting:
            done, waiting = self._ray.wait(waiting, timeout=_SECONDS_TO_WAIT)
            for call in done:
                matrices[calls[call]] = self._result(call)
                report(len(parts[calls[call]]))
            if not done:
                report(0)  # so that who wants to stop need not wait for a call
        return np.concatenate([matrices[number] for number in range(len(parts))])

    def _result(self, call: Any) -> NDArray[np.float32]:  # noqa: ANN401 - Ray's reference
        try:
            value, error = self._ray.get(call)
        except self._ray.exceptions.RayError as lost:
            raise EmbeddingError(
                f"The Ray cluster lost a worker {_RETRIES + 1} times ({_line(lost)}). Look at its logs; if memory ran "
                "out, set RAG_EMBEDDING_BATCH lower. What was told as in is in; run the same command again."
            ) from lost
        if error is not None:
            raise error
        vectors: NDArray[np.float32] = value
        return vectors


def _pass_on(done: Future[Outcome], result: Future[ReadFile]) -> None:
    try:
        value, error = done.result()
    except Exception as lost:  # whatever Ray raises for a worker that is gone for good
        error = LoadError(f"the Ray cluster failed to read it ({_line(lost)}). Run the same command again.")
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(value)


@contextmanager
def ray_cluster(address: str, settings: Settings) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start one on this machine, and leave it at the end.

    Args:
        address: ``local`` starts one; ``auto``, ``HOST:PORT`` and ``ray://HOST:PORT`` name one that runs.
        settings: Go to the workers.

    Raises:
        SettingsError: Ray is not installed, or the address leads to no cluster.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # no usage statistics leave the machine
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "--ray needs Ray, which is not installed. Install it with: pip install -r requirements-scale.txt"
        ) from error
    with _own_signals():
        _connect(ray, address)
    try:
        yield Cluster(ray, settings)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:  # noqa: ANN401 - the module
    # The code travels to the cluster, so that all workers run the version that the driver does.
    environment = {"py_modules": [str(Path(rag.__file__).parent)], "env_vars": {"OMP_NUM_THREADS": "1"}}
    options = {"runtime_env": environment, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == "local":
            ray.init(address="local", include_dashboard=False, **options)
        else:
            ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise SettingsError(
            f"--ray {address}: no Ray cluster can be used there ({_line(error)}). Start one with `ray start --head`, "
            "or give --ray local for this machine alone."
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers that are set: Ray puts one of its own in the place of SIGTERM's."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    earlier: dict[int, Callable[..., Any] | int | None] = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
