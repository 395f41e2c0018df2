"""The command line, ``python -m rag``: ask, open citations, find quotes, list, check, mend, back up, manage users."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag.access.commands import add_commands
from rag.backup import back_up, restore
from rag.conversations import Conversations
from rag.errors import ExportError, RagError, SettingsError
from rag.evaluation.corpus import read_corpus
from rag.evaluation.gold import check_gold, load_gold
from rag.exporting import ExportedTurn, compose, write_export
from rag.fact_listing import fact_to_dict, facts_to_csv, show_facts
from rag.feedback import FeedbackBook, to_jsonl
from rag.garbage import collect_seldom
from rag.pipeline import Rag
from rag.serialising import (
    answer_to_dict,
    cited_paragraph_to_dict,
    inventory_to_dict,
    quote_match_to_dict,
)
from rag.settings import load_settings
from rag.terminal import show_answer, show_cited_paragraph, show_inventory, show_matches, write_plainly
from rag.types import Answer, Filters, Route

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed or problems found, 2 bad usage."""
    options = _parser().parse_args(arguments)
    write_plainly()
    collect_seldom()  # a tenth off a first survey: no collection goes through what the imports made
    try:
        return int(options.run(options))
    except SettingsError as error:
        _complain(error)
        return EXIT_USAGE
    except RagError as error:
        _complain(error)
        return EXIT_FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rag", description="Ask the reports, open citations, find quotes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", type=Path, help="folder of the store (default: the setting RAG_STORE, vectorstore)")
    shared.add_argument("--json", action="store_true", help="print JSON")

    ask = commands.add_parser("ask", parents=[shared], help="answer a question from the reports")
    ask.add_argument("question")
    ask.add_argument("--office", action="append", default=[], metavar="NAME", help="only this office (repeatable)")
    ask.add_argument("--region", action="append", default=[], metavar="NAME", help="only this region (repeatable)")
    ask.add_argument(
        "--year", action="append", default=[], type=int, metavar="YEAR", help="only this year (repeatable)"
    )
    ask.add_argument(
        "--route", choices=[route.value for route in Route if route is not Route.REFUSED], help="override the route"
    )
    ask.add_argument("--extractive", action="store_true", help="answer without the chat model, even where one is set")
    ask.add_argument("--export", type=Path, metavar="FILE", help="also write the answer to FILE (.docx or .md)")
    ask.set_defaults(run=_ask)

    cite = commands.add_parser("cite", parents=[shared], help="open a citation: its paragraph, headings, neighbours")
    cite.add_argument("citation")
    cite.set_defaults(run=_cite)

    find = commands.add_parser("find", parents=[shared], help="find where a quote stands")
    find.add_argument("quote")
    find.set_defaults(run=_find)

    gold = commands.add_parser("gold", help="check a gold question file").add_subparsers(required=True, metavar="check")
    check = gold.add_parser("check", help="check fields, ids and that every quote stands in its report")
    check.add_argument("file", type=Path)
    check.add_argument("--reports", type=Path, nargs="+", metavar="PATH", help="the reports that the quotes are from")
    check.set_defaults(run=_check_gold)

    facts = commands.add_parser(
        "facts", parents=[shared], help="list the figures that the reports state, with citations"
    )
    facts.add_argument("--office", action="append", default=[], metavar="NAME", help="only this office (repeatable)")
    facts.add_argument(
        "--year", action="append", default=[], type=int, metavar="YEAR", help="only figures for this year (repeatable)"
    )
    facts.add_argument("--indicator", default="", metavar="TEXT", help="only figures of this, in these or other words")
    facts.add_argument("--csv", action="store_true", help="print CSV")
    facts.set_defaults(run=_facts)

    feedback = commands.add_parser("feedback", help="use what readers made of answers").add_subparsers(
        required=True, metavar="export"
    )
    exported = feedback.add_parser("export", help="write candidates for gold questions, JSON Lines")
    exported.add_argument(
        "--store", type=Path, help="folder of the store (default: the setting RAG_STORE, vectorstore)"
    )
    exported.add_argument("--out", type=Path, metavar="FILE", help="write to FILE instead of the terminal")
    exported.add_argument("--rating", choices=["up", "down"], help="only answers rated so")
    exported.set_defaults(run=_export_feedback)

    for name, run, text in (
        ("reports", _reports, "list the reports, their duplicates and missing years"),
        ("verify", _verify, "check the catalog against the indexes"),
        ("rebuild", _rebuild, "build the indexes anew from the catalog, without embedding"),
    ):
        commands.add_parser(name, parents=[shared], help=text).set_defaults(run=run)
    for name, run, text in (
        ("backup", _backup, "write the store into one archive, also while it is in use"),
        ("restore", _restore, "put a backup back as a new store"),
    ):
        command = commands.add_parser(name, parents=[shared], help=text)
        command.add_argument("archive", type=Path, metavar="FILE.tar.gz")
        command.set_defaults(run=run)
    add_commands(commands, shared)
    return parser


def _ask(options: argparse.Namespace) -> int:
    filters = Filters(offices=tuple(options.office), regions=tuple(options.region), years=tuple(options.year))
    with _open(options) as rag:
        route = Route(options.route) if options.route else None
        for piece in rag.stream(options.question, filters=filters, route=route, extractive=options.extractive):
            if isinstance(piece, Answer):
                answer = piece
            elif rag.settings.llm_model and sys.stderr.isatty():
                # What a model writes, and how far it is with a survey; its verified form follows.
                sys.stderr.write(piece)
                sys.stderr.flush()
        address = f"http://{rag.settings.host}:{rag.settings.port}"
    _print(answer_to_dict(answer) if options.json else show_answer(answer))
    if options.export:
        turn = ExportedTurn(answer.question, answer, filters)
        write_export(compose(answer.question, [turn], address), options.export)
    return EXIT_OK


def _cite(options: argparse.Namespace) -> int:
    with _open(options) as rag:
        cited = rag.cite(options.citation)
    _print(cited_paragraph_to_dict(cited) if options.json else show_cited_paragraph(cited))
    return EXIT_OK


def _find(options: argparse.Namespace) -> int:
    with _open(options) as rag:
        matches = rag.find(options.quote)
    _print([quote_match_to_dict(match) for match in matches] if options.json else show_matches(matches))
    return EXIT_OK if matches else EXIT_FAILED


def _facts(options: argparse.Namespace) -> int:
    with _open(options) as rag:
        facts = rag.facts(Filters(offices=tuple(options.office), years=tuple(options.year)), options.indicator)
    if options.json:
        _print([fact_to_dict(fact) for fact in facts])
    else:
        _print(facts_to_csv(facts) if options.csv else show_facts(facts))
    return EXIT_OK if facts else EXIT_FAILED


def _reports(options: argparse.Namespace) -> int:
    with _open(options) as rag:
        rows, holder = rag.inventory(), rag.holder()
    if holder:
        sys.stderr.write(f"note: the vector index is in use by {holder}.\n")
    _print(inventory_to_dict(rows) if options.json else show_inventory(rows))
    return EXIT_OK


def _verify(options: argparse.Namespace) -> int:
    with _open(options, owner=True) as rag:
        checked = rag.verify()
    if options.json:
        _print({"problems": list(checked.problems), "notes": list(checked.notes)})
    else:
        lines = [*(f"note: {note}" for note in checked.notes), *_told_problems(checked.problems)]
        _print("\n".join(lines or ["The catalog and its indexes agree."]))
    return EXIT_FAILED if checked.problems else EXIT_OK


def _told_problems(problems: Sequence[str]) -> list[str]:
    """Return a line for each problem that a check found, and the way out where it is an index's."""
    lines = [f"problem: {item}" for item in problems]
    if any(item.startswith(("vector index", "lexical index")) for item in problems):
        lines.append(
            "Indexes derive from the catalog. If the disk is full, free some space; then `python -m rag rebuild`."
        )
    return lines


def _backup(options: argparse.Namespace) -> int:
    settings = load_settings(store=options.store)
    manifest = back_up(settings.store, options.archive, settings.catalog_url)
    _print(asdict(manifest) if options.json else f"{manifest.reports} reports in {options.archive}.")
    return EXIT_OK


def _restore(options: argparse.Namespace) -> int:
    settings = load_settings(store=options.store)
    store = settings.store
    manifest = restore(options.archive, store, settings.catalog_url)
    with _open(options, owner=True) as rag:  # builds the indexes
        problems = rag.verify().problems
    told = [f"{manifest.reports} reports of {manifest.made} in {store}.", *_told_problems(problems)]
    _print({**asdict(manifest), "problems": list(problems)} if options.json else "\n".join(told))
    return EXIT_FAILED if problems else EXIT_OK


def _rebuild(options: argparse.Namespace) -> int:
    with _open(options, owner=True) as rag:
        rag.rebuild()
        chunks = rag.identity()["chunks"]
    _print({"rebuilt": chunks} if options.json else f"Both indexes rebuilt from the catalog: {chunks} chunks.")
    return EXIT_OK


def _check_gold(options: argparse.Namespace) -> int:
    if options.reports:
        questions = check_gold(options.file, read_corpus(options.reports, max_file_mb=load_settings().max_file_mb))
    else:
        questions = load_gold(options.file)
    checked = (
        "with every quote in its report" if options.reports else "quotes not checked: give the reports with --reports"
    )
    _print(f"{options.file}: {len(questions)} questions, well-formed, {checked}.")
    return EXIT_OK


def _export_feedback(options: argparse.Namespace) -> int:
    settings = load_settings(store=options.store)
    with Rag(settings) as rag, closing(Conversations.open(settings.store)) as conversations:
        feedback = FeedbackBook(conversations).all(options.rating)
        lines = to_jsonl(feedback, rag.find)
    if options.out is None:
        sys.stdout.write(lines)
        return EXIT_OK
    try:
        options.out.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"Cannot write {str(options.out)!r}: {error.strerror}. Name another file with --out."
        ) from error
    _print(f"{options.out}: {len(feedback)} candidates; what to do for each stands in its field candidate.to_do.")
    return EXIT_OK


def _open(options: argparse.Namespace, *, owner: bool = False) -> Rag:
    return Rag(load_settings(store=options.store), owner=owner)


def _print(output: Any) -> None:  # noqa: ANN401 - text or JSON values
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, indent=2)
    sys.stdout.write(text + "\n")


def _complain(error: Exception) -> None:
    sys.stderr.write(f"{error}\n")


if __name__ == "__main__":
    sys.exit(main())
