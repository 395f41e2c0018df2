"""Child processes of ours: started with a connection to talk over, stopped when they take too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import rag
from rag.index.failure import ProcessLost

_GONE_S = 10.0
"""Seconds after which a killed process that is still there is left to the operating system."""


def ignore_signals() -> None:
    """Leave it to the process that started this one when to end: its end of the connection tells."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class Child:
    """A Python module running in a process of its own, ``python -m MODULE CONNECTION ARGUMENT…``.

    The child sees the end of the connection when this process goes, however it goes. Its output goes nowhere, so
    that it disturbs neither ours nor whoever waits for the end of ours.

    Args:
        module: What to run.
        arguments: Further arguments.
        keep_open: Descriptors that stay open as long as the child lives.
    """

    def __init__(self, module: str, arguments: Sequence[str] = (), keep_open: Sequence[int] = ()) -> None:
        ours, theirs = Pipe()
        environment = {**os.environ, "PYTHONPATH": str(Path(rag.__file__).parent.parent)}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *keep_open],
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.connection: Connection = ours

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Kill the child if what is done with it takes longer.

        Raises:
            ProcessLost: it took longer, or the child ended by itself.
        """
        late = threading.Event()
        timer = threading.Timer(seconds, self._end, [late])
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            self.stop(1.0)
            how = f"it did not answer within {seconds:g} s" if late.is_set() else self._ending()
            raise ProcessLost(how) from error
        finally:
            timer.cancel()

    def _end(self, late: threading.Event) -> None:
        late.set()
        self.process.kill()

    def stop(self, seconds: float) -> bool:
        """Close the connection, give the child so long to end by itself, then kill it; say whether it is gone."""
        self.connection.close()
        for patience in (seconds, _GONE_S):
            try:
                self.process.wait(patience)
                return True
            except subprocess.TimeoutExpired:
                self.process.kill()
        return False

    def _ending(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit status {code}"
