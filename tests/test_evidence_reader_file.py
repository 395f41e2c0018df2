"""The reader's file: integers come back as they were meant, and what is no such file is refused with the way on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from rag.embedding.bundled import weights_hash, weights_path
from rag.errors import ScoringError
from rag.evidence import Passage, Reader, Thresholds
from rag.evidence.reader_file import ReaderFile, ReaderHeader, read_header, read_reader_file, write_reader_file
from rag.settings import Settings

HEADER = ReaderHeader("b" * 64, "d", "r", Thresholds(0.5, 0.4, 0.9, 0.3), {"a": 1})
HIDDEN = 8


def tensors():
    """A reader of one layer of width 8."""
    generator = torch.Generator().manual_seed(1)
    shapes = {f"encoder.layer.0.attention.self.{name}": (HIDDEN, HIDDEN) for name in ("query", "key", "value")}
    shapes |= {
        "encoder.layer.0.attention.output.dense": (HIDDEN, HIDDEN),
        "encoder.layer.0.attention.output.LayerNorm": (HIDDEN,),
        "encoder.layer.0.intermediate.dense": (16, HIDDEN),
        "encoder.layer.0.output.dense": (HIDDEN, 16),
        "encoder.layer.0.output.LayerNorm": (HIDDEN,),
        "label": (5, HIDDEN),
        "span": (2, HIDDEN),
    }
    made = {f"{name}.weight": torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return made | {f"{name}.bias": torch.randn(shape[0], generator=generator) for name, shape in shapes.items()}


def written(tmp_path, *, without="", **changes):
    kept = {name: tensor for name, tensor in tensors().items() if name != without}
    path = tmp_path / "reader.safetensors"
    write_reader_file(ReaderFile(replace(HEADER, **changes), kept), path)
    return path


def test_what_is_written_is_read(tmp_path):
    path, meant = written(tmp_path), tensors()
    file = read_reader_file(path)
    assert file.header == read_header(path) == HEADER
    assert file.tensors.keys() == meant.keys()
    matrix = meant["encoder.layer.0.output.dense.weight"]
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((file.tensors["encoder.layer.0.output.dense.weight"] - matrix).abs() <= step / 2 + 1e-6).all()
    torch.testing.assert_close(file.tensors["label.weight"], meant["label.weight"])


def test_writing_what_was_read_changes_nothing(tmp_path):
    path = written(tmp_path)
    first = path.read_bytes()
    write_reader_file(read_reader_file(path), path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_a_damaged_file_is_refused_with_the_way_on(tmp_path, cut):
    path = written(tmp_path)
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
    path = written(tmp_path)
    with pytest.raises(ScoringError, match="base bbbbbbbbbbbb"):
        Reader(Settings(_env_file=None, reader=str(path))).score("谁？", [_passage()])


@pytest.mark.parametrize("name", ["label.bias", "encoder.layer.0.intermediate.dense.weight"])
def test_a_reader_that_lacks_a_part_is_refused(tmp_path, name):
    with pytest.raises(ScoringError, match=f"lack {name}"):
        read_reader_file(written(tmp_path, without=name))


def test_a_reader_that_does_not_fit_its_base_is_refused(tmp_path):
    path = written(tmp_path, base=weights_hash(weights_path()))
    with pytest.raises(ScoringError, match="cannot be loaded"):
        Reader(Settings(_env_file=None, reader=str(path))).score("谁？", [_passage()])


def test_weights_that_are_replaced_before_they_are_loaded_are_not_taken_for_the_old_ones(tmp_path):
    reader = Reader(Settings(_env_file=None, reader=str(written(tmp_path))))
    assert reader.name
    written(tmp_path, data="other")
    with pytest.raises(ScoringError, match="replaced"):
        reader.score("谁？", [_passage()])


def test_numbers_that_change_scores_are_part_of_the_name(tmp_path):
    path = str(written(tmp_path))
    names = {Reader(Settings(_env_file=None, reader=path, embedding_precision=one)).name for one in ("float32", "int8")}
    assert len(names) == 2


def test_thresholds_are_read_without_the_weights(tmp_path):
    path = str(written(tmp_path))
    assert Reader(Settings(_env_file=None, reader=f" {path} ")).thresholds == HEADER.thresholds


def _passage():
    return Passage("街道没有执法权。")
