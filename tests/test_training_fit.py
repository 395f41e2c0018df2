"""A toy training run, from the labelled data to a file that serves."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")

from rag.evidence import Passage, Reader
from rag.evidence.weights import read_reader_file
from rag.settings import Settings
from training.calibrate import Calibration
from training.data import data_hash, load_items, load_texts
from training.export import export
from training.fit import fit
from training.metrics import statement_metrics
from training.negatives import Nearness
from training.recipes import RECIPE_FILE, ReaderRecipe
from training.scoring import score_items

TOY = ReaderRecipe(layers=3, rounds=8, share=0.003, rate=3e-4, batch=16, checkpoint=10)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module")
def trained(build):
    return fit(TOY, build / "reader", build)


def test_it_learns_what_it_is_shown_and_serves_it(trained, build, tmp_path):
    export(trained, tmp_path / "reader.safetensors")
    reader = Reader(Settings(_env_file=None, reader=str(tmp_path / "reader.safetensors")))
    about = json.loads((trained / RECIPE_FILE).read_text())
    shown = [item for item in load_items() if item.group in about["groups"]]
    texts = load_texts()
    scored = score_items(reader, shown, texts, Nearness(texts, shown, build / "nearness.npz"), wordings=1)
    labels = [label for one in scored for number in one.scores if (label := one.label(number))]
    assert statement_metrics(scored)["average precision of yes"] > 2 * labels.count("yes") / len(labels)


def test_the_file_says_what_it_was_made_from(trained, tmp_path):
    export(trained, tmp_path / "reader.safetensors")
    file = read_reader_file(tmp_path / "reader.safetensors")
    assert file.data == data_hash() and file.recipe["layers"] == 3
    assert file.thresholds == Calibration.none().thresholds
    assert (tmp_path / "reader.safetensors").stat().st_size < 10_000_000


def test_calibration_is_folded_into_the_file(trained, tmp_path):
    passage = [Passage("街道没有执法权。", "青石街道办事处 2023")]
    plain, shifted = tmp_path / "plain.safetensors", tmp_path / "shifted.safetensors"
    export(trained, plain)
    Calibration((1.0,) * 5, (0.0, 0.0, 2.0, 0.0, 0.0), Calibration.none().thresholds).save(trained / "calibration.json")
    try:
        export(trained, shifted)
    finally:
        (trained / "calibration.json").unlink()
    before, after = (
        Reader(Settings(_env_file=None, reader=str(path))).score("谁没有执法权？", passage)[0]
        for path in (plain, shifted)
    )
    assert after.yes / after.no == pytest.approx(before.yes / before.no * 2.718281828**2, rel=0.02)


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(trained, build, capsys):
    weights = trained / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    fit(TOY, trained, build)
    assert weights.read_bytes() == before
