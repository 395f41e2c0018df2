"""Small reports for fault tests, and what must hold of a store whatever happened to it."""

from __future__ import annotations

from pathlib import Path

from fault_process import Done, rag, run

from rag.catalog import Catalog

QUESTION = "哪些街道不具备行政执法权"


def report(office: str, edition: int, year: int = 2023) -> str:
    """Return a report whose every edition says something else."""
    items = "".join(f"第{edition}版的第{item}项工作有序开展。\n\n" for item in range(6))
    return (
        f"{office}街道办事处{year}年法治政府建设情况报告\n\n一、主要做法\n\n全年调解纠纷{edition}件。\n\n{items}"
        "二、存在的不足\n\n街道不具备行政执法权。\n"
    )


def write_reports(folder: Path, edition: int, count: int) -> None:
    """Write an edition of so many reports: ``0.txt``, ``1.txt``…"""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        text = report("青禾", edition, 2000 + number)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")


def built(folder: Path, store: Path, edition: int = 0, count: int = 4) -> None:
    """Build a store of an edition of reports."""
    write_reports(folder, edition, count)
    done = run("ingest", folder, "--store", store)
    assert done.code == 0, done.told


def editions(store: Path) -> dict[str, str]:
    """Return the stored text of each report by its source."""
    with Catalog.open(store) as catalog:
        metas = catalog.metas()
        return {
            metas[report_id].source: "".join(paragraph.text for paragraph in paragraphs)
            for report_id, paragraphs in catalog.paragraphs().items()
        }


def lost(told: set[str], edition: int, store: Path) -> int:
    """Return how many sources told as in are not in with this edition."""
    stored = editions(store)
    return sum(f"调解纠纷{edition}件" not in stored.get(source, "") for source in told)


def answers(store: Path, **options: object) -> Done:
    """Ask a question that every report answers, and open its first citation."""
    asked = rag("ask", QUESTION, "--store", store, **options)
    assert asked.code == 0 and "[1]" in asked.out, asked.told
    citation = next(line.split()[1] for line in asked.out.splitlines() if line.startswith("[1] "))
    cited = rag("cite", citation, "--store", store, **options)
    assert cited.code == 0 and "不具备行政执法权" in cited.out, cited.told
    return asked


def assert_clean(store: Path) -> None:
    """Make sure that ``python -m rag verify`` finds nothing."""
    verified = rag("verify", "--store", store)
    assert verified.code == 0 and "agree" in verified.out, verified.told
