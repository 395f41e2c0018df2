"""The reader's file: integers come back as they were meant, and what is no such file is refused with the way on."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from rag.errors import ScoringError
from rag.evidence import Reader, Thresholds
from rag.evidence.weights import ReaderFile, read_reader_file, write_reader_file
from rag.settings import Settings

THRESHOLDS = Thresholds(0.5, 0.4, 0.3)


def written(tmp_path, **changes):
    generator = torch.Generator().manual_seed(1)
    tensors = {
        "encoder.layer.0.output.dense.weight": torch.randn(8, 16, generator=generator),
        "encoder.layer.0.output.dense.bias": torch.randn(8, generator=generator),
        "label.weight": torch.randn(5, 8, generator=generator),
    }
    file = ReaderFile(
        **{"tensors": tensors, "base": "b" * 64, "data": "d", "thresholds": THRESHOLDS, "recipe": {"a": 1}} | changes
    )
    write_reader_file(file, tmp_path / "reader.safetensors")
    return tmp_path / "reader.safetensors", tensors


def test_what_is_written_is_read(tmp_path):
    path, tensors = written(tmp_path)
    file = read_reader_file(path)
    assert (file.base, file.data, file.thresholds, file.recipe) == ("b" * 64, "d", THRESHOLDS, {"a": 1})
    assert file.tensors.keys() == tensors.keys()
    matrix = tensors["encoder.layer.0.output.dense.weight"]
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((file.tensors["encoder.layer.0.output.dense.weight"] - matrix).abs() <= step / 2 + 1e-6).all()
    torch.testing.assert_close(file.tensors["label.weight"], tensors["label.weight"])


def test_writing_what_was_read_changes_nothing(tmp_path):
    path, _ = written(tmp_path)
    first = path.read_bytes()
    write_reader_file(read_reader_file(path), path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_a_damaged_file_is_refused_with_the_way_on(tmp_path, cut):
    path, _ = written(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ScoringError, match="RAG_READER"):
        Reader(Settings(_env_file=None, reader=str(path))).score("谁？", [_passage()])


def test_a_file_of_another_kind_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ScoringError, match="no reader's file"):
        read_reader_file(tmp_path / "a.safetensors")


def test_a_missing_file_is_named(tmp_path):
    reader = Reader(Settings(_env_file=None, reader=str(tmp_path / "none.safetensors")))
    for use in (lambda: reader.name, lambda: reader.score("谁？", [_passage()])):
        with pytest.raises(ScoringError, match=r"none\.safetensors"):
            use()


def test_a_reader_of_another_base_is_refused(tmp_path):
    path, _ = written(tmp_path)
    with pytest.raises(ScoringError, match="base bbbbbbbbbbbb"):
        Reader(Settings(_env_file=None, reader=str(path))).score("谁？", [_passage()])


def test_a_reader_that_lacks_a_layer_is_refused(tmp_path):
    from rag.embedding.bundled import weights_hash, weights_path

    path, _ = written(tmp_path, base=weights_hash(weights_path()))
    with pytest.raises(ScoringError, match="cannot be loaded"):
        Reader(Settings(_env_file=None, reader=str(path))).score("谁？", [_passage()])


def _passage():
    from rag.evidence import Passage

    return Passage("街道没有执法权。")
