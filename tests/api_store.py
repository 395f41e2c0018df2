"""A small store and its server, for the tests of the API."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from rag.pipeline import Rag
from rag.settings import load_settings

REPORTS = {
    "松湖2022.txt": """松湖街道办事处2022年法治政府建设情况报告

一、2022年推进法治政府建设的主要举措
（一）化解矛盾。全年受理信访案件36件，办结35件。发放宣传资料2000余份。
（二）法律服务。聘请法律顾问2名，投入法治经费3万元。
二、存在的不足
一是执法手段不足。街道管理任务繁重，却不具备行政执法权。二是人手紧张。
""",
    "松湖2023.txt": """松湖街道办事处2023年法治政府建设情况报告

一、2023年推进法治政府建设的主要举措
（一）化解矛盾。全年受理信访案件28件，办结28件。
（二）执法。承接区里下放的行政处罚权21项，现有9名工作人员持有行政执法证。
二、存在的不足
一是普法形式单一。
""",
    "临泉.md": """# 临泉镇人民政府2023年度法治政府建设报告

## 一、主要工作
（一）信访。全年受理信访案件51件，办结49件。
（二）普法。通过微信公众号推送法律知识120期。
""",
}
SURVEY = "哪些街道不具备行政执法权？"
COUNTED = "松湖街道2023年受理信访案件多少件？"


def open_rag(folder: Path) -> Rag:
    """Open a store of the reports above, as the application does."""
    reports = folder / "reports"
    reports.mkdir()
    for name, text in REPORTS.items():
        (reports / name).write_text(text, encoding="utf-8")
    settings = load_settings(store=folder / "store", embedding_model="hash", max_file_mb=0.1, wait_s=1)
    rag = Rag(settings, create=True, owner=True)
    assert len(rag.ingest([reports]).added) == len(REPORTS)
    return rag


@contextlib.contextmanager
def served(application: FastAPI) -> Iterator[str]:
    """Serve an application on a free port; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            limit = time.monotonic() + 60
            while not server.started:
                assert thread.is_alive() and time.monotonic() < limit, "the server did not start"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
