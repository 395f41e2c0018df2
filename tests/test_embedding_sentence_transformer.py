import numpy as np
import pytest
from test_embedding_bundled import tiny_weights

from rag.embedding import bundled, load_embedder
from rag.errors import EmbeddingError
from rag.settings import Settings

TEXTS = ["法治政府", "法", "政府法治政治", "a 法治　政府 a", "", "法治政府", "治" * 40]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny")
    return bundled.unpacked_model(place / "cache", tiny_weights(place / "tiny.bin"))


@pytest.fixture(scope="module")
def embedder(folder):
    return load_embedder(Settings(_env_file=None, embedding_model=str(folder), embedding_batch=2))


def test_the_library_and_our_encoder_give_the_same_vectors(embedder, folder):
    import torch
    from tokenizers import Tokenizer

    from rag.embedding.encoder import BertEncoder

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoder = BertEncoder(folder, torch.device("cpu"), torch.float32, torch.float32)
    ours = encoder.encode([tokenizer.encode(f"passage: {text}").ids for text in TEXTS]).numpy()
    np.testing.assert_allclose(embedder.embed_passages(TEXTS), ours, atol=1e-5)


def test_passages_are_unit_rows_in_the_order_of_the_texts(embedder):
    finished = []
    vectors = embedder.embed_passages(TEXTS, finished.append)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (7, 32)
    assert vectors.dtype == np.float32
    assert sum(finished) == len(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(vectors[row], embedder.embed_passages([text])[0], atol=1e-5)


def test_a_question_gets_the_prompt_of_the_models_configuration(embedder, folder):
    bare = load_embedder(Settings(_env_file=None, embedding_model=str(folder), query_prefix=""))
    np.testing.assert_allclose(bare.embed_query("query: 法治"), embedder.embed_query("法治"), atol=1e-5)
    assert not np.allclose(bare.embed_query("法治"), embedder.embed_query("法治"), atol=1e-3)


def test_no_passages_give_no_rows(embedder):
    assert embedder.embed_passages([]).shape == (0, 32)


def test_a_folder_is_named_by_its_content(embedder, folder, tmp_path):
    other = bundled.unpacked_model(tmp_path, tiny_weights(tmp_path / "other.bin", seed=1))
    renamed = other.rename(tmp_path / folder.name)
    names = [load_embedder(Settings(_env_file=None, embedding_model=str(path))).name for path in (folder, renamed)]
    assert names[0] == embedder.name
    assert names[0].startswith(folder.name + "@")
    assert names[0] != names[1]


def test_a_folder_without_a_model_is_told_with_its_setting(tmp_path):
    embedder = load_embedder(Settings(_env_file=None, embedding_model=str(tmp_path)))
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_MODEL.*not a usable Sentence Transformers folder"):
        embedder.embed_query("法治")


def test_a_name_that_cannot_be_fetched_is_told_with_its_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    embedder = load_embedder(Settings(_env_file=None, embedding_model="nobody/no-such-model"))
    assert embedder.name == "nobody/no-such-model"
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_MODEL='nobody/no-such-model'.*no model hub can be reached"):
        embedder.embed_query("法治")
