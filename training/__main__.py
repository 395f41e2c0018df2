"""``python -m training``: labelled data in, the files that serve out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rag.evidence import RETRIEVER
from rag.evidence.reader import WEIGHTS
from training.recipes import ReaderRecipe, RetrieverRecipe

BUILD = Path("build/training")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step of the training; return 0 when it is done."""
    options = _parser().parse_args(arguments)
    options.run(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    retrieving = steps.add_parser("retrieve", help="train the first stage; goes on from its last checkpoint")
    _add_recipe(retrieving, RetrieverRecipe(), BUILD / "retriever", _retrieve)
    retrieving.add_argument("--to", type=Path, default=RETRIEVER, help="the file to write")
    fitting = steps.add_parser("fit", help="train the reader; goes on from its last checkpoint")
    _add_recipe(fitting, ReaderRecipe(), BUILD / "reader", _fit)
    calibrating = steps.add_parser("calibrate", help="fit the reader's probabilities and thresholds")
    calibrating.set_defaults(run=_calibrate)
    exporting = steps.add_parser("export", help="write the reader's file that serves")
    exporting.add_argument("--to", type=Path, default=WEIGHTS, help="the file to write")
    exporting.set_defaults(run=_export)
    for step in (calibrating, exporting):
        step.add_argument("--reader", type=Path, default=BUILD / "reader", help="folder that fit wrote")
    evaluating = steps.add_parser("evaluate", help="measure a reader's file")
    evaluating.add_argument("--file", type=Path, default=WEIGHTS, help="the reader's file")
    evaluating.add_argument("--share", type=float, default=1.0, help="share of the held-out questions that are asked")
    evaluating.add_argument(
        "--no-reserved", dest="reserved", action="store_false", help="leave the reserved sets alone"
    )
    evaluating.add_argument("--json", type=Path, help="write what was measured")
    evaluating.set_defaults(run=_evaluate)
    comparing = steps.add_parser("compare", help="train in several ways and measure each")
    comparing.add_argument("ways", nargs="*", metavar="WAY", help="names of training.compare.WAYS; none: all")
    comparing.add_argument("--out", type=Path, default=BUILD / "compared", help="folder of what is measured")
    comparing.add_argument("--steps", type=int, default=500, help="steps of training, for each")
    comparing.set_defaults(run=_compare)
    agreeing = steps.add_parser("agreement", help="how far the second labels agree with the first")
    agreeing.set_defaults(run=_agreement)
    for step in (retrieving, fitting, calibrating, evaluating, comparing):
        step.add_argument("--build", type=Path, default=BUILD, help="folder of what can be computed again")
    return parser


def _add_recipe(step: argparse.ArgumentParser, recipe: Any, folder: Path, run: Any) -> None:  # noqa: ANN401
    """Add an option for each of the recipe's fields."""
    step.add_argument("--out", type=Path, default=folder, help="folder of checkpoints and weights")
    for field in fields(recipe):
        default = getattr(recipe, field.name)
        step.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    step.set_defaults(run=run)


def _recipe(options: argparse.Namespace, kind: Any) -> Any:  # noqa: ANN401
    return kind(**{field.name: getattr(options, field.name) for field in fields(kind)})


def _retrieve(options: argparse.Namespace) -> None:
    from training.export import export_retriever
    from training.retriever import fit_retriever

    fit_retriever(_recipe(options, RetrieverRecipe), options.out, options.build)
    export_retriever(options.out, options.to)


def _fit(options: argparse.Namespace) -> None:
    from training.fit import fit

    fit(_recipe(options, ReaderRecipe), options.out, options.build)


def _calibrate(options: argparse.Namespace) -> None:
    from training.export import calibrate

    calibrate(options.reader, options.build)


def _export(options: argparse.Namespace) -> None:
    from training.export import export

    export(options.reader, options.to)


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluate import evaluate, show

    evaluation = evaluate(options.file, options.build, share=options.share, reserved=options.reserved)
    show(evaluation)
    if options.json:
        evaluation.save(options.json)


def _compare(options: argparse.Namespace) -> None:
    from training.compare import compare

    compare(options.ways, options.out, options.build, options.steps)


def _agreement(options: argparse.Namespace) -> None:
    from training.agreement import agreement
    from training.data import load_texts

    for name, value in agreement(load_texts()).items():
        print(f"{name}: {value:.3f}".removesuffix(".000"))


if __name__ == "__main__":
    sys.exit(main())
