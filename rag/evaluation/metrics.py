"""The table of all metrics: one function, one number each; None is not applicable and counts for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rag.evaluation import answer_metrics, citation_metrics, retrieval_metrics, survey_metrics
from rag.evaluation.case import Case

Scores = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the table.

    Attributes:
        name: As in reports and thresholds.
        area: ``retrieval``, ``answers``, ``citations`` or ``surveys``.
        measure: Scores one case; None is not applicable.
        lower_is_better: True for counts of mistakes, whose threshold is a ceiling.
    """

    name: str
    area: str
    measure: Callable[[Case], float | None]
    lower_is_better: bool = False

    @property
    def title(self) -> str:
        """First line of what the metric's own documentation says."""
        return (self.measure.__doc__ or self.name).partition("\n")[0]


METRICS = (
    Metric("recall_at_5", "retrieval", retrieval_metrics.recall_at_5),
    Metric("recall_at_10", "retrieval", retrieval_metrics.recall_at_10),
    Metric("all_evidence_at_10", "retrieval", retrieval_metrics.all_evidence_at_10),
    Metric("ndcg_at_10", "retrieval", retrieval_metrics.ndcg_at_10),
    Metric("mrr", "retrieval", retrieval_metrics.reciprocal_rank),
    Metric("fact_recall", "answers", answer_metrics.fact_recall),
    Metric("numbers_exact", "answers", answer_metrics.numbers_exact),
    Metric("lead_figure_right", "answers", answer_metrics.lead_figure_right),
    Metric("language_right", "answers", answer_metrics.language_right),
    Metric("refusal_right", "answers", answer_metrics.refusal_right),
    Metric("false_refusal", "answers", answer_metrics.false_refusal, lower_is_better=True),
    Metric("unverified_share", "answers", answer_metrics.unverified_share, lower_is_better=True),
    Metric("verbatim", "citations", citation_metrics.verbatim),
    Metric("citation_recall", "citations", citation_metrics.citation_recall),
    Metric("citation_precision", "citations", citation_metrics.citation_precision),
    Metric("fact_attribution", "citations", citation_metrics.fact_attribution),
    Metric("markers_resolve", "citations", citation_metrics.markers_resolve),
    Metric("survey_precision", "surveys", survey_metrics.survey_precision),
    Metric("survey_recall", "surveys", survey_metrics.survey_recall),
    Metric("survey_f1", "surveys", survey_metrics.survey_f1),
    Metric("survey_no_recall", "surveys", survey_metrics.survey_no_recall),
    Metric("survey_wrong_yes", "surveys", survey_metrics.survey_wrong_yes, lower_is_better=True),
    Metric("survey_coverage", "surveys", survey_metrics.survey_coverage),
    Metric("survey_rows_cited", "surveys", survey_metrics.survey_rows_cited),
)
RETRIEVAL_METRICS = tuple(metric for metric in METRICS if metric.area == "retrieval")
BY_NAME = {metric.name: metric for metric in METRICS}


def score(case: Case, metrics: tuple[Metric, ...] = METRICS) -> Scores:
    """Return every metric's value for one case."""
    return {metric.name: metric.measure(case) for metric in metrics}
