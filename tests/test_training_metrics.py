"""What is measured of the reader, on scores written by hand."""

from __future__ import annotations

import pytest

from rag.evidence import Score, Thresholds, verdict
from rag.evidence.scripted import certain
from rag.types import Verdict
from training.calibrate import Calibration, NotCalibrated, fit_calibration, fit_thresholds, rescaled
from training.data import Item, Wording
from training.metrics import (
    agreement_metrics,
    area_under_curve,
    calibration_error,
    mean_survey_metrics,
    passage_metrics,
    reading_recall,
    survey_metrics,
)
from training.scoring import Scored, gold_verdict

THRESHOLDS = Thresholds(0.5, 0.5, 0.9, 0.3)
ZH, ZH_2, EN = Wording("谁没有？", "zh"), Wording("哪家缺？", "zh"), Wording("Who lacks it?", "en")


def item(labels, text="a", *, opposite=False, across=True, unsure=()):
    kind = "survey" if across else "number"
    return Item("g", "w", text, kind, (ZH, ZH_2, EN), labels, {}, frozenset(unsure), opposite, across)


def asked(made, scores, wording=ZH, read=None):
    return Scored(made, wording, tuple(scores if read is None else read), scores)


def says(label):
    return {0: certain(label, (0, 1))}


def test_silence_is_a_verdict_and_what_is_not_known_is_none():
    assert gold_verdict(item({})) is Verdict.NOT_MENTIONED
    assert gold_verdict(item({0: "yes", 1: "no"})) is Verdict.MIXED
    assert gold_verdict(item({}, unsure=[0])) is None
    assert gold_verdict(item({0: "near", 1: "planned"})) is Verdict.NOT_MENTIONED


def test_survey_means_are_over_questions():
    yes, no, silent = Verdict.YES, Verdict.NO, Verdict.NOT_MENTIONED
    found = mean_survey_metrics([[(yes, yes), (yes, silent), (silent, no)], [(yes, yes), (no, no)], [(silent, silent)]])
    assert found["survey precision"] == pytest.approx(0.75) and found["survey recall"] == 1
    assert found["survey F1"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["recall of no"] == 0.5


def test_a_survey_question_is_its_group_in_one_wording():
    scored = [
        asked(item({0: "yes"}, "a"), says("yes")),
        asked(item({0: "yes"}, "b"), says("near")),
        asked(item({0: "yes"}, "a"), says("yes"), EN),
    ]
    found = survey_metrics(scored, THRESHOLDS)
    assert found["survey questions"] == 2 and found["survey F1"] == pytest.approx((2 / 3 + 1) / 2)


def test_only_what_was_read_makes_a_verdict():
    scored = [asked(item({0: "yes"}), says("yes"), read=[])]
    assert survey_metrics(scored, THRESHOLDS)["survey F1"] == 0
    assert reading_recall(scored, 8) == 0


def test_wordings_agree_or_do_not():
    one = item({0: "yes"})
    scored = [asked(one, says("yes")), asked(one, says("yes"), ZH_2), asked(one, says("near"), EN)]
    found = agreement_metrics(scored, THRESHOLDS)
    assert found["paraphrases agree"] == 1 and found["Chinese and English agree"] == 0
    assert found["negation flips"] is None


def test_the_opposite_question_must_turn_the_verdict():
    straight, turned = item({0: "yes"}), item({0: "no"}, opposite=True)
    other, other_turned = item({0: "no"}, "b"), item({0: "yes"}, "b", opposite=True)
    scored = [
        asked(straight, says("yes")),
        asked(turned, says("no")),
        asked(other, says("no")),
        asked(other_turned, says("no")),
    ]
    assert agreement_metrics(scored, THRESHOLDS)["negation flips"] == 0.5


def test_evidence_is_looked_for_among_the_first_statements():
    scores = {number: Score(0.9 - number / 100, 0.0, number / 100, 0.1, 0.0, (0, 1)) for number in range(8)}
    found = passage_metrics([asked(item({7: "yes", 1: "yes"}, across=False), scores)])
    assert found["an answering statement first"] == 1 and found["evidence in the first 5"] == 0.5
    assert found["AUC of answerable"] is None


def test_a_denial_is_an_answer():
    denied, silent = item({0: "no"}, across=False), item({0: "near"}, across=False)
    found = passage_metrics([asked(denied, says("no")), asked(silent, says("near"))])
    assert found["AUC of answerable"] == 1


def test_the_area_is_the_share_of_pairs_in_order():
    assert area_under_curve([(True, 0.9), (True, 0.2), (False, 0.5)]) == 0.5


def test_what_is_sure_and_right_half_the_time_is_badly_calibrated():
    scored = [asked(item({0: "yes"}), says("yes")), asked(item({0: "no"}), says("yes"))]
    assert calibration_error(scored) == pytest.approx(0.46)


def overconfident(count=60):
    """The reader says yes with 0.96 and is right in two of three."""
    return [asked(item({0: "yes"} if number % 3 else {}, f"t{number}"), says("yes")) for number in range(count)]


def test_calibration_takes_back_what_is_too_sure():
    scored = overconfident()
    fitted = fit_calibration(scored)
    after = [rescaled(one, fitted.scale, fitted.shift) for one in scored]
    assert calibration_error(after) < 0.05 < calibration_error(scored)


def test_thresholds_lie_between_what_is_and_what_is_not():
    def probable(yes):
        return {0: Score(1 - yes, 0.0, yes, 0.0, 0.0, (0, 1))}

    scored = [asked(item({0: "yes"}, "a"), probable(0.4)), asked(item({}, "b"), probable(0.2))]
    assert 0.2 < fit_thresholds(scored).yes <= 0.4


def test_the_likelier_counts_where_hardly_any_report_says_both():
    def probable(yes, no):
        return {0: Score(1 - yes - no, 0.0, yes, no, 0.0, (0, 1))}

    scored = [
        asked(item({0: "yes"}, "a"), probable(0.5, 0.3)),
        asked(item({0: "no"}, "b"), probable(0.3, 0.5)),
        asked(item({}, "c"), probable(0.2, 0.2)),
    ]
    fitted = fit_thresholds(scored)
    assert survey_metrics(scored, fitted)["survey F1"] == survey_metrics(scored, fitted)["recall of no"] == 1
    assert fitted.mixed > 0.3


def test_what_was_fitted_is_kept(tmp_path):
    fitted, path = Calibration(1.5, (0.0, 0.1, 0.2, 0.3, 0.4), THRESHOLDS), tmp_path / "calibration.json"
    fitted.save(path, "a")
    assert Calibration.load(path, "a") == fitted
    for missing, weights in ((path, "b"), (tmp_path / "none.json", "a")):
        with pytest.raises(NotCalibrated, match="calibrate"):
            Calibration.load(missing, weights)


def test_nothing_goes_to_review_where_looking_is_not_worth_it():
    def probable(yes, no=0.0):
        return {0: Score(1 - yes - no, 0.0, yes, no, 0.0, (0, 1))}

    scored = [asked(item({0: "yes"}, "a"), probable(0.6)), asked(item({0: "no"}, "b"), probable(0.0, 0.3))]
    scored += [asked(item({}, f"c{number}"), probable(0.45)) for number in range(9)]
    fitted = fit_thresholds(scored)
    assert verdict(list(probable(0.45).values()), fitted) is Verdict.NOT_MENTIONED
