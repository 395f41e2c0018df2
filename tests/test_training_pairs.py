"""Which pairs the reader is trained on: what is labelled, the nearest of what is silent, in wordings of every place."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from training.data import Item, Text, Wording
from training.negatives import statement_contexts
from training.pairs import Sampling, training_pairs

STATEMENTS = tuple(f"第{number}项工作" for number in range(10))
TEXT = Text("a-1", "青石街道办事处", "", 2023, STATEMENTS, (("一、执法",),) * 10, ("",) * 10)
WORDINGS = (Wording("甲", "zh"), Wording("乙", "zh"), Wording("c", "en"))


class InOrder:
    """Statements are as near as they stand early."""

    def order(self, text, question):
        return list(range(len(STATEMENTS)))


def item(number=0, across=False):
    labels, spans = {3: "yes", 4: "near"}, {3: "3项"}
    return Item(f"g{number}", "w", "a-1", "number", WORDINGS, labels, spans, frozenset({0}), across=across)


def pairs_of(items, **sampling):
    return training_pairs(items, {"a-1": TEXT}, InOrder(), Sampling(**sampling))


def test_what_is_labelled_is_read_with_some_that_is_silent():
    found = pairs_of([item()], silent=2, drawn=1)
    labels = {pair.statement: pair.label for pair in found}
    assert {STATEMENTS[3]: "yes", STATEMENTS[4]: "near"}.items() <= labels.items()
    assert list(labels.values()).count("irrelevant") == 2  # of ten statements none stands past the eight nearest
    assert STATEMENTS[0] not in labels  # whose label is not known


def test_of_what_only_tempts_some_is_read():
    tempting = replace(item(), labels={3: "yes", 4: "near", 5: "near", 6: "near"})
    assert sum(pair.label == "near" for pair in pairs_of([tempting], near=2)) == 2


def test_other_silent_statements_are_read_in_another_round():
    found = {pair.statement for pair in pairs_of([item()], silent=1, drawn=0, rounds=8) if pair.label == "irrelevant"}
    assert len(found) > 1


def test_a_question_and_its_opposite_are_one_bundle_in_each_round():
    straight, turned = item(), replace(item(), labels={3: "no"}, opposite=True)
    found = pairs_of([straight, turned, item(1)], rounds=2)
    answering = [(pair.bundle, pair.label) for pair in found if pair.statement == STATEMENTS[3]]
    assert len({bundle for bundle, _ in answering}) == 4
    assert {"yes", "no"} in [{label for bundle, label in answering if bundle == one} for one, _ in answering]


def test_the_span_stands_where_its_words_do():
    (found,) = [pair for pair in pairs_of([item()]) if pair.label == "yes"]
    assert found.statement[slice(*found.span)] == "3项" and found.context == "青石街道办事处 2023 | 一、执法"


def test_a_round_has_wordings_of_every_place():
    asked = Counter(pair.question for pair in pairs_of([item(number) for number in range(60)], rounds=1))
    assert asked.keys() == {"甲", "乙", "c"}


@pytest.mark.parametrize("across", [False, True])
def test_no_wording_comes_again_before_all_have_been(across):
    found = pairs_of([item(across=across)], rounds=3)
    assert len({pair.question for pair in found}) == 3


def test_one_label_leaves_only_what_answers():
    assert {pair.label for pair in pairs_of([item()], labels="one")} == {"yes", "irrelevant"}


def test_contexts_to_compare_with():
    assert statement_contexts(TEXT, "none")[5] == ""
    assert statement_contexts(TEXT, "neighbours")[5].endswith(STATEMENTS[4])
    with pytest.raises(ValueError, match="neighbours"):
        statement_contexts(TEXT, "all")
