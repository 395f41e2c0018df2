"""A real PostgreSQL server for tests: made in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

USER, PASSWORD = "clerk", "fictional-word"


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _account() -> dict[str, object]:
    """Return how to run as somebody else: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


class PostgresServer:
    """A server on a free loopback port; text sorts by Chinese rules where nothing else is said."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._account = _account()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        if self._account:
            os.chown(folder, self._account["user"], self._account["group"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=zh-Hans")
        command = ("-D", folder / "data", "-U", USER, "-E", "UTF8", *locale, f"--pwfile={password}", "-N")
        self._run("initdb", *command, "--auth=scram-sha-256")

    def _run(self, program: str, *arguments: object) -> None:
        command = [self._binaries / program, *map(str, arguments)]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True, **self._account)

    def start(self) -> None:
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 60,
            "shared_buffers": "32MB",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._binaries / "postgres", "-D", self.folder / "data", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **self._account)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres").replace("+psycopg", ""), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop the server; ``at_once``: as a crash would."""
        if self._process is not None:
            (self._process.kill if at_once else lambda: self._process.send_signal(2))()
            self._process.wait(60)
            self._process = None

    def url(self, database: str, user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, *, encoding: str = "UTF8") -> SecretStr:
        """Make an empty database and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        locale = "" if encoding == "UTF8" else " LOCALE 'C' LOCALE_PROVIDER libc"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'{locale}")
        return SecretStr(self.url(name))

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server():
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="rag-postgres-", dir="/tmp"))  # a socket's path must be short
    server = PostgresServer(binaries, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request):
    """Where the catalog is: None for the store's folder, or an empty database."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_server").new_database()
