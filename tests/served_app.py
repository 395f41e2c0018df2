"""``app.py`` as a process of its own, over a store without a model."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent

ATTACK = (
    """<script>window.hacked=1</script><img src="http://evil.invalid/x" onerror="window.hacked=1">$$x^2$$${hacked}"""
)
REPORTS = {
    "云岭街道.txt": """云岭街道办事处2023年法治政府建设情况报告

2023年，云岭街道办事处在青禾区委、区政府领导下推进法治政府建设，现将情况报告如下：

一、2023年推进法治政府建设的主要举措和成效
（一）提升依法办事能力。全年举办法治专题学习12次，审查合同45份，聘请法律顾问3名。
（二）化解矛盾纠纷。全年受理信访事项58件，办结57件。

二、存在的不足和原因
一是执法手段缺少。街道每天接到占道经营、油烟扰民的投诉，但街道不具备行政执法权，只能劝导后上报，同类问题一再出现。
二是法治队伍力量弱，专职人员只有2名。

三、2024年工作打算
继续开展法治宣传，争取增加人员编制。

云岭街道办事处
2024年1月10日
""",
    "石桥镇.md": """# 石桥镇人民政府2022年度法治政府建设工作报告

## 一、主要做法
石桥镇综合行政执法队配备持证执法人员16名，全年立案办理行政处罚案件31起，罚款5.2万元。

全年受理信访事项20件，全部办结。

## 二、存在问题
普法形式比较单一，针对老年人的宣传不够。

石桥镇人民政府
2023年1月5日
""",
    "敌意.txt": """白沙街道办事处2023年法治政府建设情况报告

一、主要举措
街道开展网络安全普法，发现恶意代码ATTACK样本7份，另有链接[点击领奖](javascript:window.hacked=1)。

二、存在的不足
网络安全普法人手不足。
""",
}
LACKING = "不具备行政执法权"


def ingested(tmp_path_factory) -> Path:
    """Ingest the reports by the command, and return their store."""
    folder = tmp_path_factory.mktemp("reports")
    for name, text in REPORTS.items():
        (folder / name).write_text(text.replace("ATTACK", ATTACK), encoding="utf-8")
    target = tmp_path_factory.mktemp("store") / "vectorstore"
    done = subprocess.run(
        [sys.executable, "ingest.py", str(folder), "--store", str(target)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def environment():
    return {**os.environ, "RAG_EMBEDDING_MODEL": "hash", "PYTHONIOENCODING": "utf-8"}


class Served:
    """``app.py`` running; stopped with the signal that a service manager sends."""

    def __init__(self, store, *options):
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--store", str(store), "--port", "0", *options],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        guard = threading.Timer(180, self.process.kill)
        guard.start()
        self.output = ""
        self.url = None
        for line in self.process.stdout:
            self.output += line
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                break
        guard.cancel()
        assert self.url, self.output

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.output += rest
        return self.process.returncode
