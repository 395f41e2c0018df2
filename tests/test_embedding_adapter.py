"""An adapter's file: its products are added to the base, and what cannot be used is refused with the way on."""

from __future__ import annotations

import pytest
import torch

from rag.embedding.adapter import Adapter, read_adapter, write_adapter
from rag.embedding.bundled import unpacked_model, weights_hash, weights_path
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.errors import EmbeddingError
from rag.settings import Settings

NAME = "encoder.layer.0.output.dense.weight"
SETTINGS = Settings(_env_file=None)


def written(tmp_path, *, name=NAME, base=None, fill=0.01):
    down, up = torch.full((2, 1536), fill), torch.full((384, 2), fill)
    path = tmp_path / "adapter.safetensors"
    write_adapter(Adapter({name: (down, up)}, base or weights_hash(weights_path()), "d", {"rank": 2}), path)
    return path


def test_the_product_is_added_to_the_matrix(tmp_path):
    adapter = read_adapter(written(tmp_path, fill=0.5))
    empty = read_adapter(written(tmp_path, fill=0.0))
    folder = unpacked_model()
    difference = adapter.merged(folder)[NAME] - empty.merged(folder)[NAME]
    torch.testing.assert_close(difference, torch.full((384, 1536), 0.5))
    assert (adapter.data, adapter.recipe) == ("d", {"rank": 2})


def test_an_adapter_of_nothing_changes_nothing_but_the_name(tmp_path):
    adapted, plain = BundledEmbedder(SETTINGS, adapter=written(tmp_path, fill=0.0)), BundledEmbedder(SETTINGS)
    assert float(adapted.embed_query("执法") @ plain.embed_query("执法")) == pytest.approx(1, abs=1e-4)
    assert adapted.name != plain.name


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_a_damaged_or_missing_adapter_is_refused(tmp_path, content):
    path = tmp_path / "adapter.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EmbeddingError, match="make reader"):
        BundledEmbedder(SETTINGS, adapter=path).embed_query("执法")


def test_an_adapter_of_another_base_is_refused(tmp_path):
    with pytest.raises(EmbeddingError, match="another base"):
        BundledEmbedder(SETTINGS, adapter=written(tmp_path, base="b" * 64)).embed_query("执法")


def test_an_adapter_of_a_matrix_that_is_not_there_is_refused(tmp_path):
    path = written(tmp_path, name="encoder.layer.99.output.dense.weight")
    with pytest.raises(EmbeddingError, match="cannot be added"):
        BundledEmbedder(SETTINGS, adapter=path).embed_query("执法")
