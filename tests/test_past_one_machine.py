"""PostgreSQL, a Chroma server, a Ray cluster and a proxy, each by its setting alone: the answers are the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "data" / "gold" / "sample.jsonl"
SHARED = ROOT.parent / "shared"
NOISE = 0.005
"""What a metric's mean may differ by: one question of 143 with another order among equals."""
PASSWORD = "a long fictional word 42"
REPORT = (
    "{name}街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年受理信访案件{number}件。街道不具备行政执法权。\n"
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command, answers, **options):
    """Run a server until the block ends; ``answers`` says whether it can be used."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            deadline = time.monotonic() + 120
            while not answers():
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                assert time.monotonic() < deadline, f"{command[0]} does not answer"
                time.sleep(0.1)
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, number)
                    process.wait(20)


def responds(url, status=200):
    def answers():
        try:
            return httpx.get(url, timeout=5).status_code == status
        except httpx.HTTPError:
            return False

    return answers


@pytest.fixture(scope="module")
def chroma_server(tmp_path_factory):
    port = free_port()
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(tmp_path_factory.mktemp("chroma"))]
    url = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running([*command, "--host", "127.0.0.1", "--port", str(port)], responds(f"{url}/api/v2/heartbeat"), **quiet):
        yield url


@pytest.fixture(scope="module")
def ray_cluster():
    """A cluster of one node with two workers, apart from the process that ingests."""
    ray = str(Path(sys.executable).with_name("ray"))
    port = free_port()
    folder = tempfile.mkdtemp(prefix="rag-ray-", dir="/tmp")  # a socket's path must be short
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    options = [
        "--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2",
        "--include-dashboard=false", "--object-store-memory=200000000", "--disable-usage-stats",
        f"--temp-dir={folder}",
    ]  # fmt: skip

    def answers():
        status = [ray, "health-check", f"--address=127.0.0.1:{port}"]
        return subprocess.run(status, env=environment, capture_output=True, check=False).returncode == 0

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        with running([ray, "start", *options], answers, env=environment, cwd=ROOT, **quiet):
            yield f"127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(*arguments, settings=None):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **(settings or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def metrics(gold, corpus, store, out, settings=None):
    run("evaluate.py", gold, "--store", store, "--corpus", corpus, "--json", out, settings=settings)
    found = json.loads(Path(out).read_text(encoding="utf-8"))
    return found["identity"], {
        (metric, group): (round(value["value"], 6), value["questions"])
        for metric, groups in found["summary"].items()
        for group, value in groups.items()
    }


def corpora():
    yield GOLD, ROOT / "data" / "reports"
    if SHARED.is_dir():
        yield SHARED / "gold" / "reports.public.jsonl", SHARED / "reports"


@pytest.mark.parametrize(("gold", "reports"), list(corpora()), ids=lambda path: path.stem)
def test_the_gold_set_gives_the_same_metrics_on_servers_as_in_a_folder(
    gold, reports, tmp_path, postgres_server, chroma_server, ray_cluster
):
    servers = {
        "RAG_CATALOG_URL": postgres_server.new_database().get_secret_value(),
        "RAG_CHROMA_URL": chroma_server,
    }
    run("ingest.py", reports, "--store", tmp_path / "folder")
    run("ingest.py", reports, "--store", tmp_path / "servers", "--ray", ray_cluster, settings=servers)
    assert not (tmp_path / "servers" / "catalog.sqlite").exists()
    assert not list((tmp_path / "servers").glob("chroma-*"))
    run("-m", "rag", "verify", "--store", tmp_path / "servers", settings=servers)

    identity, alone = metrics(gold, reports, tmp_path / "folder", tmp_path / "folder.json")
    shared_identity, together = metrics(gold, reports, tmp_path / "servers", tmp_path / "servers.json", servers)
    assert shared_identity == identity
    assert together.keys() == alone.keys()
    apart = {
        name: (alone[name], together[name])
        for name in alone
        if abs(alone[name][0] - together[name][0]) > NOISE or alone[name][1] != together[name][1]
    }
    assert apart == {}


def serve(store, port, environment):
    command = [sys.executable, "app.py", "--store", str(store), "--port", str(port)]
    return running(command, responds(f"http://127.0.0.1:{port}/healthz"), cwd=ROOT, env=environment)


def proxy(folder, port, applications):
    """Run nginx with the documentation's own file, its ports replaced."""
    text = (ROOT / "docs" / "nginx.conf").read_text(encoding="utf-8")
    for documented, ours in zip((7861, 7862, 7860), (*applications, port), strict=True):
        text = text.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{ours}")
    paths = {"client_body": "body", "proxy": "proxy", "fastcgi": "fastcgi", "uwsgi": "uwsgi", "scgi": "scgi"}
    places = "\n".join(f"{name}_temp_path {folder / place};" for name, place in paths.items())
    configuration = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(
        f"{user}daemon off;\npid {folder / 'pid'};\nerror_log {folder / 'error.log'};\n"
        + text.replace("access_log off;", f"access_log off;\n{places}"),
        encoding="utf-8",
    )
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    command = [nginx, "-c", str(configuration), "-e", str(folder / "error.log"), "-p", str(folder)]
    return running(command, responds(f"http://127.0.0.1:{port}/healthz"))


def test_two_applications_behind_one_proxy_know_the_same_and_one_may_be_killed(
    tmp_path, postgres_server, chroma_server
):
    store = tmp_path / "store"
    environment = {
        **os.environ,
        "RAG_CATALOG_URL": postgres_server.new_database().get_secret_value(),
        "RAG_CHROMA_URL": chroma_server,
        "RAG_EMBEDDING_MODEL": "hash",
        "RAG_TRUSTED_PROXIES": "1",
    }
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "a.txt").write_text(REPORT.format(name="青石", number=26), encoding="utf-8")
    run("ingest.py", reports, "--store", store, settings=environment)
    added = [sys.executable, "-m", "rag", "users", "add", "clerk", "--role", "editor", "--store", str(store)]
    subprocess.run(added, input=f"{PASSWORD}\n", text=True, cwd=ROOT, env=environment, check=True, capture_output=True)
    key = run("-m", "rag", "users", "key", "add", "clerk", "test", "--store", store, settings=environment)
    headers = {"Authorization": f"Bearer {key.split()[-1]}"}

    def offices(port):
        body = {"question": "哪些街道不具备行政执法权？"}
        reply = httpx.post(f"http://127.0.0.1:{port}/api/v1/ask", json=body, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        return {row["office"] for row in reply.json()["survey"]["rows"] if row["verdict"] == "yes"}

    first, second, front = free_port(), free_port(), free_port()
    with serve(store, first, environment) as killed, serve(store, second, environment):
        files = {"files": ("b.txt", REPORT.format(name="白鹿", number=3).encode())}
        sent = httpx.post(f"http://127.0.0.1:{first}/api/v1/reports", files=files, headers=headers, timeout=60)
        assert sent.status_code in (200, 201), sent.text
        with proxy(tmp_path, front, (first, second)):
            both = {"青石街道办事处", "白鹿街道办事处"}
            assert offices(first) == offices(second) == offices(front) == both
            killed.kill()
            killed.wait()
            assert offices(front) == both
            files = {"files": ("c.txt", REPORT.format(name="临泉", number=7).encode())}
            sent = httpx.post(f"http://127.0.0.1:{front}/api/v1/reports", files=files, headers=headers, timeout=60)
            assert sent.status_code in (200, 201), sent.text
            assert offices(front) == both | {"临泉街道办事处"}
