"""``python -m training fit | calibrate | evaluate | export``: from the labelled data to the file that serves."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rag.evidence.reader import WEIGHTS
from training.fit import Recipe, fit

BUILD = Path("build/training")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step of the training; return 0 when it is done."""
    options = _parser().parse_args(arguments)
    if options.step == "fit":
        fit(
            Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)}), options.out, options.build
        )
    elif options.step == "calibrate":
        from training.export import calibrate

        calibrate(options.reader, options.build)
    elif options.step == "export":
        from training.export import export

        export(options.reader, options.to)
    else:
        from training.evaluate import evaluate, show

        evaluation = evaluate(options.file, options.build, share=options.share, reserved=options.reserved)
        show(evaluation)
        if options.json:
            evaluation.save(options.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    fitting = steps.add_parser("fit", help="train the reader; goes on from its last checkpoint")
    fitting.add_argument("--out", type=Path, default=BUILD / "reader", help="folder of checkpoints and weights")
    defaults = Recipe()
    for field in fields(Recipe):
        default = getattr(defaults, field.name)
        fitting.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    calibrating = steps.add_parser("calibrate", help="fit probabilities and thresholds")
    exporting = steps.add_parser("export", help="write the file that serves")
    for step in (calibrating, exporting):
        step.add_argument("--reader", type=Path, default=BUILD / "reader", help="folder that fit wrote")
    exporting.add_argument("--to", type=Path, default=WEIGHTS, help="the file to write")
    evaluating = steps.add_parser("evaluate", help="measure a reader's file")
    evaluating.add_argument("--file", type=Path, default=WEIGHTS, help="the reader's file")
    evaluating.add_argument("--share", type=float, default=1.0, help="share of the held-out questions that are asked")
    evaluating.add_argument(
        "--no-reserved", dest="reserved", action="store_false", help="leave the reserved sets alone"
    )
    evaluating.add_argument("--json", type=Path, help="write what was measured")
    for step in (fitting, calibrating, evaluating):
        step.add_argument("--build", type=Path, default=BUILD, help="folder of what can be computed again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
