import dataclasses
import os
from pathlib import Path

import pytest
from fault_tally import TALLIES, count_fault
from postgres_server import catalog_url, postgres_server  # noqa: F401 - fixtures

from rag.types import Paragraph, ReportMeta, SectionKind

for name in [name for name in os.environ if name.upper().startswith(("RAG_LLM_", "LLM_", "RAG_CATALOG_URL"))]:
    # Before any test and any process that one starts: what the developer uses must change nothing here.
    del os.environ[name]

REAL_REPORTS = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real reports and their gold questions, beside the checkout."""
    if not REAL_REPORTS.is_dir():
        pytest.skip("../shared with the real reports is not here")
    return REAL_REPORTS


@dataclasses.dataclass(frozen=True)
class Told:
    """A tiny report told as (section kind, text) pairs."""

    meta: ReportMeta
    paragraphs: tuple[Paragraph, ...]


@pytest.fixture(scope="session")
def tell():
    """Make a report's paragraphs out of plain texts: ``tell("青石", 2023, ("measures", "…"), …)``."""

    def make(office: str | None, year: int | None, *texts: tuple[str, str], region: str | None = "临江区") -> Told:
        name = f"{office}街道办事处" if office else None
        variants = (f"{office}街道", f"{office}街道办") if office else ()
        identity = f"{abs(hash((office, year, region, texts))):012x}"[:12]
        meta = ReportMeta(identity, f"{office or 'unknown'}-{year}.txt", None, name, variants, region, year)
        paragraphs = tuple(
            Paragraph(number, text, "body", None, (), SectionKind(kind)) for number, (kind, text) in enumerate(texts, 1)
        )
        return Told(meta, paragraphs)

    return make


def pytest_sessionfinish(session):
    """Hand what the fault tests tried and lost in a process of pytest-xdist's on to the one that prints it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = {fault: (tally.tries, tally.losses) for fault, tally in TALLIES.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    for fault, (tries, losses) in getattr(node, "workeroutput", {}).get("faults", {}).items():
        count_fault(fault, tries=tries, losses=losses)


def pytest_terminal_summary(terminalreporter):
    """Print what the fault tests tried and lost."""
    if TALLIES:
        terminalreporter.section("faults")
        for fault, tally in sorted(TALLIES.items()):
            terminalreporter.write_line(f"{fault}: {tally.tries} tries, {tally.losses} losses")
