"""What a model must show, out of time, before it may serve."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.backtest import HEALTH, LOGISTIC, OURS, RENEWAL_ALONE, USAGE_ALONE, Backtest

MIN_ROC_AUC = 0.60
SLOPE = (0.6, 1.6)
EXPECTED = (0.7, 1.4)
KEPT_REASONS = 0.5
"""A challenger that tells so few of the champion's likeliest accounts the same first reason would turn a CSM's work
upside down on one morning; a refit on other accounts keeps four in five or more (`benchmarks/reasons.py`)."""
LATENCY_MS = 50.0
"""One explained row, in the median; an API that is asked row by row has no more to give."""


@dataclass(frozen=True)
class Trial:
    """What a fitted model shows besides its backtest: leaks that it was allowed, the share of the champion's likeliest
    accounts to which it gives the same first reason (None: no champion), and milliseconds to explain one row."""

    leaks: Sequence[str] = ()
    kept_reasons: float | None = None
    latency_ms: float = 0.0


def faults(result: Backtest, trial: Trial | None = None) -> list[str]:
    """Each test that failed, and by how much, in plain words; an empty list opens the gate.

    Ranking clearly better than chance; a log loss lower than the rule-based health score's over a 95 % interval, and
    an average precision no lower than its; the same against what the days to renewal, or the drop in usage, say alone;
    not worse than logistic regression; a probability that is a frequency; no leak, reasons that do not drift from the
    champion's, and an answer in time.
    The bounds are this project's own. A figure that cannot be told (nan) passes no test.
    """
    ours = result.metrics[OURS]
    found = []
    if not ours.roc_auc >= MIN_ROC_AUC:
        found.append(f"ROC-AUC out of time is {ours.roc_auc:.3f}, below {MIN_ROC_AUC:.2f}: close to chance")
    difference, low, high = result.beats[HEALTH]
    if not low > 0:
        found.append(
            "does not beat the rule-based health score: log loss better by "
            f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"
        )
    if not ours.average_precision >= result.metrics[HEALTH].average_precision:
        found.append(
            f"ranks no better than the rule-based health score: average precision {ours.average_precision:.3f}, "
            f"its {result.metrics[HEALTH].average_precision:.3f}"
        )
    for name in (RENEWAL_ALONE, USAGE_ALONE):
        difference, low, high = result.beats[name]
        if not low > 0:
            found.append(f"does not beat {name}: log loss better by {difference:+.4f} ({low:+.4f} to {high:+.4f})")
    difference, low, high = result.beats[LOGISTIC]
    if not high >= 0:
        found.append(f"logistic regression is better: log loss better by {difference:+.4f} ({low:+.4f} to {high:+.4f})")
    if not SLOPE[0] <= ours.slope <= SLOPE[1]:
        found.append(f"calibration slope is {ours.slope:.2f}, outside {SLOPE[0]} to {SLOPE[1]}")
    share = ours.expected / ours.outcomes if ours.outcomes else float("inf")
    if not EXPECTED[0] <= share <= EXPECTED[1]:
        found.append(
            f"promised {ours.expected:.0f} outcomes where {ours.outcomes} came, outside {EXPECTED[0]} to {EXPECTED[1]}"
        )
    return found + _shown(trial or Trial())


def _shown(trial: Trial) -> list[str]:
    found = [f"learnt from what seems to know the outcome: {leak}" for leak in trial.leaks]
    if trial.kept_reasons is not None and not trial.kept_reasons >= KEPT_REASONS:
        found.append(
            f"gives the champion's likeliest accounts another first reason: {trial.kept_reasons:.0%} keep theirs, "
            f"fewer than {KEPT_REASONS:.0%}"
        )
    if not trial.latency_ms <= LATENCY_MS:
        found.append(f"takes {trial.latency_ms:.0f} ms to explain one row, more than {LATENCY_MS:.0f}")
    return found
