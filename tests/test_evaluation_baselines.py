"""The designs to beat: fixed pieces, found by vector or by words."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.baselines import baselines, nearest_by_vector, nearest_by_words, split
from rag.embedding import HashEmbedder
from rag.evaluation.gold import GoldQuestion
from rag.settings import Settings
from rag.types import Filters

TEXTS = {
    "hill.txt": "松岭街道全年调解邻里纠纷三十七件。" + "其他工作有序推进。" * 60,
    "lake.txt": "镜湖镇办理行政处罚案件十四件，持证执法人员九人。",
}


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=50)), st.integers(1, 7))
def test_pieces_put_together_are_the_text(texts, characters):
    pieces = split(texts, characters)
    joined = {source: "".join(piece.text for piece in pieces if piece.source == source) for source in texts}
    assert joined == texts
    assert all(0 < len(piece.text) <= characters for piece in pieces)


def test_a_piece_is_found_by_its_own_words_and_by_its_own_vector():
    pieces = split(TEXTS)
    for search in (nearest_by_words(pieces), nearest_by_vector(pieces, HashEmbedder())):
        assert pieces[search("镜湖镇办理行政处罚案件十四件，持证执法人员九人。")[0]].source == "lake.txt"


def test_a_question_without_a_word_of_the_corpus_finds_nothing_by_words():
    assert nearest_by_words(split(TEXTS))("zebra") == []


def test_both_designs_give_contexts_for_every_question():
    question = GoldQuestion("a", "镜湖镇处罚案件", "zh", "fact", (), Filters(), (("十四件",),), (), None, False)
    found = baselines([question], TEXTS, Settings(embedding_model="hash"))
    assert [baseline.name for baseline in found] == ["500 characters, Chroma", "500 characters, BM25"]
    assert all({context["source"] for context in baseline.contexts["a"]} for baseline in found)
