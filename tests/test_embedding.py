import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.embedding import HashEmbedder, load_embedder
from rag.embedding.batching import embed_distinct, length_batches
from rag.embedding.device import choose_device
from rag.embedding.prefixes import Prefixes, choose_prefixes, identity
from rag.errors import EmbeddingError
from rag.settings import Settings

TEXTS = ["街道没有执法权。", "信访案件办结二十六件。", "", "Township office report", "街道没有执法权。", "\ud800孤立"]


def settings(**values):
    return Settings(_env_file=None, **values)


def test_importing_the_package_loads_no_torch():
    code = "import sys, rag.embedding; sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_setting_hash_gives_the_embedder_without_a_model():
    assert isinstance(load_embedder(settings(embedding_model="hash")), HashEmbedder)


@pytest.mark.parametrize("model", ["", "bundled:something-else"])
def test_a_setting_that_names_no_model_is_refused_by_name(model):
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_MODEL.*bundled:multilingual-e5-small"):
        load_embedder(settings(embedding_model=model))


def test_hash_vectors_are_unit_rows_in_the_order_of_the_texts():
    embedder = HashEmbedder()
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(vectors[row], embedder.embed_query(text))


def test_hash_vectors_are_the_same_in_another_process():
    code = "from rag.embedding import HashEmbedder; print(HashEmbedder().embed_query('行政执法')[:64].tolist())"
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert other.strip() == str(HashEmbedder().embed_query("行政执法")[:64].tolist())


def test_hash_vectors_put_shared_wording_nearer():
    embedder = HashEmbedder()
    question = embedder.embed_query("街道是否具备行政执法权")
    near, far = embedder.embed_passages(["本街道尚不具备行政执法权。", "全年举办普法讲座十二场。"])
    assert question @ near > question @ far + 0.2


@given(st.text())
def test_every_text_has_a_hash_vector_of_length_one(text):
    assert np.linalg.norm(HashEmbedder().embed_query(text)) == pytest.approx(1, abs=1e-5)


def test_progress_adds_up_to_all_passages_with_repetitions():
    finished = []
    HashEmbedder().embed_passages(TEXTS, finished.append)
    assert sum(finished) == len(TEXTS)


def test_no_passages_give_no_rows():
    embedder = HashEmbedder()
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


@given(st.lists(st.sampled_from("abcde")))
def test_identical_texts_are_embedded_once_and_each_gets_its_row(texts):
    seen = []

    def embed(distinct, report):
        seen.extend(distinct)
        report(len(distinct))
        return np.array([[ord(text)] for text in distinct], np.float32).reshape(-1, 1)

    rows = embed_distinct(texts, embed, None)
    assert [chr(int(row[0])) for row in rows] == texts
    assert sorted(seen) == sorted(set(texts))


@given(st.lists(st.integers(0, 600)), st.integers(1, 40), st.integers(1, 5000))
def test_batches_hold_every_text_once_and_keep_their_limits(lengths, size, budget):
    batches = length_batches(lengths, size, budget)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in batches)
    assert all(len(batch) == 1 or sum(lengths[position] for position in batch) <= budget for batch in batches)
    order = [lengths[position] for batch in batches for position in batch]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/multilingual-e5-base", "query: ", "passage: "),
        ("/models/e5-large-v2", "query: ", "passage: "),
        ("BAAI/bge-m3", "", ""),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", "", ""),
    ],
)
def test_a_model_gets_the_prefixes_of_its_family(model, query, passage):
    assert choose_prefixes(settings(), model) == Prefixes(query, passage)


def test_an_instructed_e5_instructs_the_question_only():
    prefixes = choose_prefixes(settings(), "intfloat/multilingual-e5-large-instruct")
    assert prefixes.query.startswith("Instruct: ")
    assert prefixes.passage == ""


def test_prompts_in_the_models_own_configuration_win_over_its_family():
    prompts = {"query": "Frage: ", "document": "Text: ", "passage": ""}
    assert choose_prefixes(settings(), "my-e5-base", prompts) == Prefixes("Frage: ", "Text: ")


def test_empty_prompts_count_as_undefined():
    assert choose_prefixes(settings(), "my-e5-base", {"query": "", "document": ""}).query == "query: "


def test_prefixes_in_the_settings_win_even_when_empty():
    chosen = choose_prefixes(settings(query_prefix="", passage_prefix="P "), "e5-base", {"query": "Q "})
    assert chosen == Prefixes("", "P ")


def test_another_passage_prefix_is_another_identity():
    assert identity("m", settings(), "passage: ") == "m"
    assert identity("m", settings(passage_prefix="passage: "), "passage: ") == "m"
    assert identity("m", settings(passage_prefix="P "), "passage: ") == "m+passage='P '"
    assert identity("m", settings(query_prefix="Q "), "passage: ") == "m"


def test_a_device_that_is_not_there_is_refused_with_its_setting():
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_DEVICE"):
        choose_device("mps")
