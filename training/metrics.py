"""What is measured of the reader, one number each; "not applicable" is None, never 0 or 1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from rag.evidence.scorer import LABELS, Score
from rag.evidence.verdicts import Thresholds, strongest, verdict
from rag.types import Verdict
from training.scoring import Scored, gold_verdict

BINS = 15
"""Of the expected calibration error, as in Guo et al. 2017."""
YES, NO = LABELS.index("yes"), LABELS.index("no")
SAYING = ("yes", "no", "planned")
AFFIRMING, DENYING = (Verdict.YES, Verdict.MIXED), (Verdict.NO, Verdict.MIXED)
DECIDED = (Verdict.YES, Verdict.NO)
SWAPPED = {Verdict.YES: Verdict.NO, Verdict.NO: Verdict.YES}


def statement_metrics(scored: Sequence[Scored]) -> dict[str, float | None]:
    """Return what is measured statement by statement, over those read and those labelled."""
    judged = [
        (one.scores[number], LABELS.index(label), one, number)
        for one in scored
        for number in one.scores
        if (label := one.label(number)) is not None
    ]
    if not judged:
        return {}
    probabilities = np.array([[getattr(score, label) for label in LABELS] for score, *_ in judged])
    gold = np.array([label for _, label, *_ in judged])
    polar = [row for row in zip(probabilities, gold, strict=True) if row[1] in (YES, NO)]
    spans = [
        one.passages[number].text[slice(*one.scores[number].span)] == one.item.spans[number]
        for one in scored
        for number in one.item.spans
        if number in one.scores and number not in one.item.unsure
    ]
    return {
        "average precision of yes": _average_precision(gold == YES, probabilities[:, YES]),
        "macro-F1 of the labels": float(f1_score(gold, probabilities.argmax(1), average="macro")),
        **{
            f"F1 of {label}": _f1(gold == number, probabilities.argmax(1) == number)
            for number, label in enumerate(LABELS)
        },
        "yes told from no": _mean([(p[YES] > p[NO]) == (label == YES) for p, label in polar]),
        "span exact": _mean(spans),
        "statements": float(len(judged)),
    }


def calibration_error(scored: Sequence[Scored]) -> float | None:
    """Return the expected calibration error of the likeliest label, over the statements read."""
    rows = [
        (max(getattr(one.scores[number], name) for name in LABELS), _likeliest(one.scores[number]) == label)
        for one in scored
        for number in one.read
        if (label := one.label(number)) is not None
    ]
    if not rows:
        return None
    confidences, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return float(
        sum(
            (bins == number).mean() * abs(confidences[bins == number].mean() - right[bins == number].mean())
            for number in range(BINS)
            if (bins == number).any()
        )
    )


def agreement_metrics(scored: Sequence[Scored], thresholds: Thresholds) -> dict[str, float | None]:
    """Return how far verdicts agree between wordings of one matter, and turn where the question is turned round."""
    by_item: dict[tuple[str, str, bool], list[tuple[Scored, Verdict]]] = defaultdict(list)
    for one in scored:
        by_item[one.item.group, one.item.text, one.item.opposite].append((one, verdict(one.of_read, thresholds)))
    surveys = {key: asked for key, asked in by_item.items() if asked[0][0].item.kind == "survey"}
    pairs = [pair for asked in surveys.values() for pair in combinations(asked, 2)]
    return {
        "paraphrases agree": _agree(pairs, lambda a, b: a.wording.language == b.wording.language == "zh"),
        "Chinese and English agree": _agree(pairs, lambda a, b: a.wording.language != b.wording.language),
        "negation flips": _flips(surveys),
    }


def survey_metrics(scored: Sequence[Scored], thresholds: Thresholds) -> dict[str, float | None]:
    """Return precision, recall and F1 of yes over survey questions, as means, and recall of no."""
    questions: dict[tuple[str, str], list[tuple[Verdict, Verdict]]] = defaultdict(list)
    for one in scored:
        gold = gold_verdict(one.item)
        if one.item.across and gold is not None:
            questions[one.item.group, one.wording.text].append((verdict(one.of_read, thresholds), gold))
    return mean_survey_metrics(questions.values())


def mean_survey_metrics(questions: Iterable[Sequence[tuple[Verdict, Verdict]]]) -> dict[str, float | None]:
    """Return the means over questions, each with the verdict given and the gold verdict of every report.

    A report that says both by its labels counts as yes and as no; a verdict of mixed counts as neither. A question
    that no report meets, and for which none is given, is left out of F1.
    """
    precisions, recalls, f1s, denials = [], [], [], []
    for rows in questions:
        said = [given is Verdict.YES for given, _ in rows]
        is_yes = [gold in AFFIRMING for _, gold in rows]
        both = sum(a and b for a, b in zip(said, is_yes, strict=True))
        precisions += [both / sum(said)] if any(said) else []
        recalls += [both / sum(is_yes)] if any(is_yes) else []
        f1s += [2 * both / (sum(said) + sum(is_yes))] if any(said) or any(is_yes) else []
        found = [given is Verdict.NO for given, gold in rows if gold in DENYING]
        denials += [sum(found) / len(found)] if found else []
    return {
        "survey precision": _mean(precisions),
        "survey recall": _mean(recalls),
        "survey F1": _mean(f1s),
        "recall of no": _mean(denials),
        "survey questions": float(len(f1s)),
    }


def passage_metrics(scored: Sequence[Scored]) -> dict[str, float | None]:
    """Return where the answering statements of a question about one text stand, and whether answers are told apart.

    Statements are ranked by what the reader makes of those read. A question is answerable if a statement says that it
    is so or that it is not.
    """
    single = [one for one in scored if not one.item.across]
    first: list[bool] = []
    found: list[bool] = []
    for one in single:
        ranked = sorted(one.read, key=lambda number: -one.scores[number].relevance)
        wanted = [number for number, label in one.item.labels.items() if label in SAYING]
        first += [ranked[0] in wanted] if wanted else []
        found += [number in ranked[:5] for number in wanted]
    answerable = [(gold_verdict(one.item) is not Verdict.NOT_MENTIONED, answers(one.of_read)) for one in single]
    return {
        "an answering statement first": _mean(first),
        "evidence in the first 5": _mean(found),
        "AUC of answerable": area_under_curve(answerable),
        "questions": float(len(single)),
    }


def answers(scores: Sequence[Score]) -> float:
    """Return the probability that the strongest statement says that it is so or that it is not."""
    return max(strongest(scores, "yes"), strongest(scores, "no"))


def reading_recall(scored: Sequence[Scored], depth: int) -> float | None:
    """Return the share of statements labelled yes or no that are among the first that retrieval hands over."""
    return _mean(
        [
            number in one.read[:depth]
            for one in scored
            for number, label in one.item.labels.items()
            if label in ("yes", "no")
        ]
    )


def area_under_curve(rows: Sequence[tuple[bool, float]]) -> float | None:
    """Return the probability that something true has a higher value than something false; None without both."""
    truths = [truth for truth, _ in rows]
    return float(roc_auc_score(truths, [value for _, value in rows])) if len(set(truths)) == 2 else None


def _flips(surveys: Mapping[tuple[str, str, bool], Sequence[tuple[Scored, Verdict]]]) -> float | None:
    """Return how often yes and no change places when the opposite is asked, where a question got either."""
    turned = []
    for (group, text, opposite), asked in surveys.items():
        other = surveys.get((group, text, True))
        if opposite or not other:
            continue
        for one, given in asked:
            same_language = [answer for two, answer in other if two.wording.language == one.wording.language]
            if given in DECIDED and gold_verdict(one.item) in DECIDED:
                turned += [answer is SWAPPED[given] for answer in same_language]
    return _mean(turned)


def _agree(
    pairs: Sequence[tuple[tuple[Scored, Verdict], tuple[Scored, Verdict]]], chosen: Callable[[Scored, Scored], bool]
) -> float | None:
    return _mean([first == second for (one, first), (two, second) in pairs if chosen(one, two)])


def _likeliest(score: Score) -> str:
    return max(LABELS, key=lambda label: getattr(score, label))


def _average_precision(truths: NDArray[np.bool_], values: NDArray[np.float64]) -> float | None:
    return float(average_precision_score(truths, values)) if truths.any() else None


def _f1(truths: NDArray[np.bool_], said: NDArray[np.bool_]) -> float | None:
    return float(f1_score(truths, said)) if truths.any() or said.any() else None


def _mean(values: Sequence[float | bool]) -> float | None:
    return float(np.mean(values)) if values else None
