"""A toy training run, from the labelled data to a file that serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")

from rag.embedding.bundled_embedder import adapter_hash
from rag.evidence import RETRIEVER, Passage, Reader, Thresholds
from rag.evidence.reader_file import read_header, read_reader_file
from rag.settings import Settings
from training.calibrate import Calibration, NotCalibrated, rescaled
from training.data import Wording, data_hash, load_items, load_texts
from training.export import export
from training.fit import BundleSampler, fit
from training.metrics import statement_metrics
from training.negatives import Nearness
from training.recipes import ReaderRecipe
from training.runs import OtherRun, read_run
from training.scoring import Scored, score_items

TOY = ReaderRecipe(layers=3, rounds=8, share=0.003, rate=3e-4, batch=16, checkpoint=10)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module")
def trained(build):
    return fit(TOY, build / "reader", build)


def test_every_pair_comes_once_and_bundles_stay_whole():
    bundles = [number // 4 for number in range(408)]
    order = list(BundleSampler([10 + number % 30 for number in range(408)], bundles, batch=16, seed=1))
    assert sorted(order) == list(range(408)) and order != sorted(order)
    batches = [order[start : start + 16] for start in range(0, len(order), 16)]
    assert all(len({bundles[number] for number in batch}) == 4 for batch in batches[:-1])


def test_it_learns_what_it_is_shown_and_serves_it(trained, build, tmp_path):
    export(trained, tmp_path / "reader.safetensors", Calibration.none())
    reader = Reader(Settings(_env_file=None, reader=str(tmp_path / "reader.safetensors")))
    groups = set(read_run(trained)["groups"])
    shown = [item for item in load_items() if item.group in groups]
    texts = load_texts()
    scored = score_items(reader, shown, texts, Nearness(texts, shown, build / "nearness.npz"), wordings=1)
    labels = [label for one in scored for number in one.scores if (label := one.label(number))]
    assert statement_metrics(scored)["average precision of yes"] > 2 * labels.count("yes") / len(labels)


def test_the_file_says_what_it_was_made_from(trained, tmp_path):
    export(trained, tmp_path / "reader.safetensors", Calibration.none())
    file = read_reader_file(tmp_path / "reader.safetensors")
    assert file.header.data == data_hash() and file.header.recipe["layers"] == 3
    assert file.header.retriever == adapter_hash(RETRIEVER)
    assert (tmp_path / "reader.safetensors").stat().st_size < 10_000_000


def test_calibration_is_folded_into_the_file(trained, tmp_path):
    passages = [Passage("街道没有执法权。", "青石街道办事处 2023"), Passage("全年调解纠纷26件。")]
    calibration = Calibration(1.7, (0.3, -0.2, 0.8, 0.1, -0.5), Thresholds(0.6, 0.5, 0.9, 0.4))
    plain, folded = tmp_path / "plain.safetensors", tmp_path / "folded.safetensors"
    export(trained, plain, Calibration.none())
    export(trained, folded, calibration)
    settings = Settings(_env_file=None, embedding_precision="float32")
    before, after = (
        Reader(settings.model_copy(update={"reader": str(path)})).score("谁没有执法权？", passages)
        for path in (plain, folded)
    )
    asked = Scored(load_items()[0], Wording("谁没有执法权？", "zh"), (0, 1), dict(enumerate(before)))
    expected = rescaled(asked, calibration.scale, calibration.shift).scores
    for number, score in enumerate(after):
        assert score.yes == pytest.approx(expected[number].yes, abs=1e-4)
        assert score.near == pytest.approx(expected[number].near, abs=1e-4)
    assert read_header(folded).thresholds == calibration.thresholds


def test_nothing_is_exported_without_a_calibration(trained, tmp_path):
    with pytest.raises(NotCalibrated):
        export(trained, tmp_path / "reader.safetensors")


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(trained, build, capsys):
    weights = trained / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    fit(TOY, trained, build)
    assert weights.read_bytes() == before


def test_another_recipe_does_not_go_on_from_it(trained, build):
    with pytest.raises(OtherRun, match="--out"):
        fit(replace(TOY, rate=1e-5), trained, build)
