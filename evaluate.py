"""Score a store on a gold file, or compare two results: ``python evaluate.py --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.baselines import baselines
from rag.errors import ExportError, GoldError, RagError
from rag.evaluation.case import Case
from rag.evaluation.compare import compare, load_result
from rag.evaluation.corpus import corpus_of, squeezed
from rag.evaluation.gold import GoldQuestion, corpus_problems, load_gold
from rag.evaluation.judge import load_judge
from rag.evaluation.report_html import render_html
from rag.evaluation.report_terminal import render, render_comparison
from rag.evaluation.result import Origin, build_result, commit_of, scored
from rag.evaluation.run import cases, run
from rag.evaluation.runs import save_run
from rag.evaluation.thresholds import check_gate, load_thresholds, table_name
from rag.pipeline import Rag
from rag.serialising import answer_to_dict
from rag.settings import Settings, load_settings
from rag.terminal import write_plainly

HERE = Path(__file__).resolve().parent
PIPED_WIDTH = 160
THRESHOLDS = HERE / "data" / "gold" / "thresholds.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when all is well, 1 when a metric misses its threshold, 2 when something given is unusable."""
    write_plainly()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["compare"]:
            return _compare(_compare_parser().parse_args(given[1:]))
        return _evaluate(_parser().parse_args(given))
    except RagError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate.py",
        description="Score a store on a gold file. 'evaluate.py compare A.json B.json' compares two results.",
    )
    add = parser.add_argument
    add("gold", type=Path, metavar="GOLD.jsonl", help="gold questions, see docs/evaluation.md")
    add("--store", type=Path, metavar="DIR", help="the store to ask (default: the settings' store)")
    add("--corpus", type=Path, nargs="+", default=[], metavar="PATH", help="report files to check quotes against")
    add("--answers", type=Path, metavar="OUT.jsonl", help="write every answer, one JSON object a line")
    add("--resume", action="store_true", help="reuse the answers that --answers already holds")
    add("--json", type=Path, metavar="OUT.json", help="write the result")
    add("--html", type=Path, metavar="OUT.html", help="write a page with every question's details")
    add("--thresholds", type=Path, metavar="FILE", default=THRESHOLDS, help="the gate (TOML)")
    add("--baselines", action="store_true", help="score the tutorial's design and BM25 beside ours")
    add("--judge", metavar="MODULE:FUNCTION", help="an advisory judge, never part of the gate")
    add("--workers", type=int, default=1, choices=range(1, 33), metavar="1-32", help="questions at a time")
    return parser


def _compare_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evaluate.py compare", description="Compare two results of --json.")
    parser.add_argument("first", type=Path, metavar="A.json")
    parser.add_argument("second", type=Path, metavar="B.json")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write the comparison")
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    if options.resume and not options.answers:
        _parser().error("--resume needs --answers, the file to go on with")
    questions = load_gold(options.gold)
    thresholds = load_thresholds(options.thresholds, table_name(options.gold))
    judge = load_judge(options.judge) if options.judge else None
    settings = load_settings(store=options.store)
    texts = corpus_of(options.gold, questions, options.corpus, max_file_mb=settings.max_file_mb)
    for problem in corpus_problems(questions, texts) if texts is not None else []:
        print(f"Warning: {problem}", file=sys.stderr)
    if options.baselines and texts is None:
        raise GoldError("--baselines reads the reports' files themselves. Name their folder with --corpus.")
    asked, origin = _ask(options, settings, questions, texts)
    beside = baselines(questions, texts, settings) if options.baselines and texts is not None else []
    outcome = scored(asked)
    gate = check_gate(thresholds, outcome)
    result = build_result(asked, outcome, origin, gate=gate, baselines=beside, judge=judge)
    _console().print(render(result))
    if save_run(settings.store, json.loads(json.dumps(result, default=str))) is None:
        print(
            f"Warning: the run is not kept for the page: {str(settings.store)!r} cannot be written, or is full.",
            file=sys.stderr,
        )
    if options.json:
        _write(options.json, json.dumps(result, ensure_ascii=False, indent=1, default=str))
    if options.html:
        _write(options.html, render_html(result))
    return 0 if all(check.passed for check in gate) else 1


def _ask(
    options: argparse.Namespace,
    settings: Settings,
    questions: Sequence[GoldQuestion],
    texts: Mapping[str, str] | None,
) -> tuple[list[Case], Origin]:
    """Ask every question, and return what to score with what made it."""
    rag = Rag(settings)
    try:
        shown = settings.model_dump(mode="json")
        identity = rag.identity()
        answers = run(
            questions,
            rag,
            answer_to_dict,
            identity={"settings": shown, **identity},
            answers_file=options.answers,
            resume=options.resume,
            workers=options.workers,
        )
        asked = cases(questions, answers, squeezed(texts) if texts is not None else None, rag.reports())
    finally:
        rag.close()
    return asked, Origin(options.gold, shown, identity, commit_of(HERE))


def _compare(options: argparse.Namespace) -> int:
    comparison = compare(load_result(options.first), load_result(options.second))
    _console().print(render_comparison(comparison))
    if options.json:
        _write(options.json, json.dumps(asdict(comparison), ensure_ascii=False, indent=1))
    return 0


def _console() -> Console:
    """Return a console that does not squeeze the tables when the output goes to a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"Cannot write {str(path)!r}: {error.strerror or error}. Name another file with --json or --html."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
