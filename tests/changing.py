"""One change to a store as a command, to be killed in the middle: ``upload``, ``delete`` or ``correct``."""

from __future__ import annotations

import sys
from pathlib import Path

from fault_reports import report

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.structure import MetaOverrides
from rag.uploads import Upload


def main(arguments: list[str]) -> int:
    """Do it; it is written what is about to happen, and then what has."""
    change, store = arguments[0], Path(arguments[1])
    with Rag(load_settings(store=store), owner=True) as rag:
        reports = {meta.office: meta.id for meta in rag.reports()}
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        if change == "upload":
            names = {"云岭": "报告.txt", "石桥": "报告.txt", "白沙": "报告.txt", "外来": "外来.txt"}
            rag.upload([Upload(name, report(office, 1).encode()) for office, name in names.items()])
        elif change == "delete" and "云岭街道办事处" in reports:
            rag.delete(reports["云岭街道办事处"])
        elif change == "correct":
            rag.correct(reports["青禾街道办事处"], MetaOverrides(region="甲区"))
    return 0
