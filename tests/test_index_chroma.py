"""What is written into Chroma never goes over a row that stands there, which loses rows from what a question finds."""

import numpy as np
import pytest

from rag.index.chroma import Chroma

VECTORS = np.eye(4, dtype=np.float32)
FIELDS = [{"section_kind": kind} for kind in ("plan", "plan", "other", "other")]
IDS = ["a-c0", "a-c1", "b-c0", "b-c1"]


@pytest.fixture
def chroma(tmp_path):
    opened = Chroma.in_folder(tmp_path)
    opened.make("chunks")
    opened.upsert("chunks", IDS, VECTORS, FIELDS)
    yield opened
    opened.close()


@pytest.fixture
def written(chroma, monkeypatch):
    """The calls that change the collection, in order: what is called, and for which rows."""
    calls = []
    collection = chroma._collection("chunks")
    for name in ("upsert", "delete"):
        monkeypatch.setattr(collection, name, noting(calls, name, getattr(collection, name)))
    return calls


def noting(calls, name, method):
    def noted(ids, **rest):
        calls.append((name, ids))
        method(ids=ids, **rest)

    return noted


def test_rows_that_stand_there_already_are_left_alone(chroma, written):
    chroma.upsert("chunks", [*IDS, "c-c0"], np.vstack([VECTORS, VECTORS[:1]]), [*FIELDS, FIELDS[0]])
    assert written == [("upsert", ["c-c0"])]
    assert chroma.count("chunks") == 5


def test_another_vector_or_field_is_written_after_the_old_row_has_gone(chroma, written):
    turned = VECTORS.copy()
    turned[0] = VECTORS[1]
    chroma.upsert("chunks", IDS, turned, [*FIELDS[:2], {"section_kind": "plan"}, FIELDS[3]])
    assert written == [("delete", ["a-c0", "b-c0"]), ("upsert", ["a-c0", "b-c0"])]
    (found,) = chroma.query("chunks", VECTORS[1:2], 10)
    assert {chunk_id for chunk_id, score in found if score > 0.99} == {"a-c0", "a-c1"}
    ids, matrix, fields = chroma.rows("chunks", 0, 10)
    assert dict(zip(ids, fields, strict=True)) == {
        "a-c0": {"section_kind": "plan"},
        "a-c1": {"section_kind": "plan"},
        "b-c0": {"section_kind": "plan"},
        "b-c1": {"section_kind": "other"},
    }
    assert np.array_equal(matrix[ids.index("a-c0")], VECTORS[1])


def test_as_many_are_found_as_there_are_where_more_are_asked_for(chroma):
    assert [len(hits) for hits in chroma.query("chunks", VECTORS[:2], 60)] == [4, 4]
    assert [len(hits) for hits in chroma.query("chunks", VECTORS[:1], 60, ["plan"])] == [2]
    chroma.delete("chunks", IDS)
    assert chroma.query("chunks", VECTORS[:1], 60) == [[]]
