"""What a model must show, out of time, before it may serve."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.backtest import HEALTH, OURS, Backtest

MIN_ROC_AUC = 0.60
SLOPE = (0.6, 1.6)
EXPECTED = (0.7, 1.4)
CALLED = {HEALTH: "the rule-based health score"}
LATENCY_MS = 50.0
"""One explained row, in the median; an API that is asked row by row has no more to give."""


@dataclass(frozen=True)
class Trial:
    """What a fitted model shows besides its backtest: leaks it was allowed, and milliseconds to explain one row."""

    leaks: Sequence[str] = ()
    latency_ms: float = 0.0


def faults(result: Backtest, trial: Trial | None = None) -> list[str]:
    """Each test that failed, and by how much, in plain words; an empty list opens the gate.

    Ranking clearly better than chance; a log loss lower than that of every baseline over a 95 % interval of a paired
    bootstrap over accounts; an average precision no lower than the rule-based health score's; a probability that is a
    frequency; no leak, and an answer in time. What depends on the champion is asked beside it
    (`training/challenge.py`). The bounds are this project's own. A figure that cannot be told (nan) passes no test.

    2026-11-26: logistic regression must be beaten as the others must. Until then it only had not to be shown better,
    and a model that was worse by point estimate passed: trees that cannot be shown to beat a line have not earned what
    they cost to explain.
    """
    ours = result.metrics[OURS]
    found = []
    if not ours.roc_auc >= MIN_ROC_AUC:
        found.append(f"ROC-AUC out of time is {ours.roc_auc:.4f}, below {MIN_ROC_AUC:.2f}: close to chance")
    for name, (difference, low, high) in result.beats.items():
        if not low > 0:
            found.append(
                f"does not beat {CALLED.get(name, name)}: its log loss less ours is {difference:+.4f} "
                f"({low:+.4f} to {high:+.4f})"
            )
    if not ours.average_precision >= result.metrics[HEALTH].average_precision:
        found.append(
            f"ranks no better than the rule-based health score: average precision {ours.average_precision:.4f}, "
            f"its {result.metrics[HEALTH].average_precision:.4f}"
        )
    if not SLOPE[0] <= ours.slope <= SLOPE[1]:
        found.append(f"calibration slope is {ours.slope:.3f}, outside {SLOPE[0]} to {SLOPE[1]}")
    share = ours.expected / ours.outcomes if ours.outcomes else float("inf")
    if not EXPECTED[0] <= share <= EXPECTED[1]:
        told = f"{share:.3f} of them, " if ours.outcomes else ""
        found.append(
            f"promised {ours.expected:.0f} outcomes where {ours.outcomes} came, {told}outside {EXPECTED[0]} to "
            f"{EXPECTED[1]}"
        )
    return found + _shown(trial or Trial())


def _shown(trial: Trial) -> list[str]:
    found = [f"learnt from what seems to know the outcome: {leak}" for leak in trial.leaks]
    if not trial.latency_ms <= LATENCY_MS:
        found.append(f"takes {trial.latency_ms:.1f} ms to explain one row, more than {LATENCY_MS:.0f}")
    return found
