"""What the figures of a backtest themselves warn of; silence where they warn of nothing."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.catalogue import FAMILIES
from training.backtest import OURS, SERVED, Backtest
from training.horizons import LOST_AT_RENEWAL, label_at
from training.lead import BEFORE_END, before_the_end, early
from training.metrics import CAPACITY, Metrics
from training.model import Model
from training.worth import MIN_SAID, groups, profit

HONEST_SLOPE = (0.9, 1.1)
FAR_OFF = 0.25
"""A promise that misses what came by a larger share of it is spoken of."""
GROUP_OFF = (0.7, 1.4)
"""The same, promised over came, of a group: there chance alone misses by more."""
COVERED = 0.8
"""An interval that held, with the chance of the count, in a smaller share of groups is too narrow; 95 % is meant."""


def weaknesses(result: Backtest, model: Model, trials: int = 0) -> list[str]:
    """Each weakness in plain words, in the order of the card; `trials`: out of how many its parameters were chosen."""
    return [
        *_of_promises(result),
        *_of_intervals(result, model),
        *_of_worth(result),
        *_of_lead(result),
        *_of_groups(result),
        *_of_making(result, trials),
        *_of_sight(model),
    ]


def asked_for(name: str) -> str:
    """What was asked, in words, by the column of the outcome there."""
    return "by the end of the term" if name == LOST_AT_RENEWAL else f"{name.rpartition('_')[2]} days ahead"


def profit_of(result: Backtest, who: str, rows: pd.DataFrame | None = None) -> float | None:
    """The expected profit of saving the accounts that a contender ranks highest (`worth.profit`), of all or of some
    `rows`; None of an outcome from which nobody is saved."""
    if result.outcome != "churn":
        return None
    rows = result.rows if rows is None else rows
    happened, log_odds, arr = (rows[name].to_numpy(dtype=float) for name in ("happened", result.column(who), "arr"))
    return profit(happened, log_odds, arr)


def uncalibrated(result: Backtest) -> int:
    """In how many test periods the raw probabilities were served: too little had come true before to calibrate on."""
    return sum(np.array_equal(part[SERVED], part[OURS]) for _, part in result.rows.groupby("fold"))


def _of_promises(result: Backtest) -> Iterator[str]:
    ours, ratio = result.metrics[OURS], result.spread[OURS]["promised over came"]
    off = not ratio.low <= 1 <= ratio.high
    if off:
        yield (
            f"it promised {ours.expected:.0f} outcomes where {ours.outcomes} came, too {_few_or_many(ours)} beyond "
            f"chance ({ratio.value:.2f} of them, {ratio.low:.2f} to {ratio.high:.2f})"
        )
    told = label_at(result.outcome, result.horizon_days) if off else ""
    for name, one in result.ahead.items():
        if name != told and one.accounts >= MIN_SAID and abs(one.expected / one.outcomes - 1) > FAR_OFF:
            yield f"{asked_for(name)} it promised {one.expected:.0f} where {one.outcomes} came"
    if not HONEST_SLOPE[0] <= ours.slope <= HONEST_SLOPE[1]:
        apart = "too far apart" if ours.slope < 1 else "too close together"
        yield f"its probabilities lie {apart} (calibration slope {ours.slope:.2f}, 1 is perfect)"


def _few_or_many(one: Metrics) -> str:
    return "few" if one.expected < one.outcomes else "many"


def _of_intervals(result: Backtest, model: Model) -> Iterator[str]:
    own = result.covered_own
    if not own.of:
        yield "whether its intervals hold is not known: no test period had enough come true before it"
    elif own.held < COVERED * own.of:
        count = f"{own.held} of {own.of} groups"
        yield f"its intervals are too narrow: even with the chance of the count they held in {count}"
    for name, one in result.covered.items():
        if name != label_at(result.outcome, result.horizon_days) and one.held < COVERED * one.of:
            yield f"{asked_for(name)} its intervals are too narrow: they held in {one.held} of {one.of} groups"
    for days in model.horizons:
        if days != result.horizon_days and label_at(result.outcome, days) not in result.ahead:
            yield f"what it says {days} days ahead was not judged: no test period lies so far back"
    plain, periods = uncalibrated(result), len(result.folds)
    if plain:
        which = "all test periods" if plain == periods else f"the first {plain} of {periods} test periods"
        yield f"{which} were judged uncalibrated: not enough had come true before them"


def _of_worth(result: Backtest) -> Iterator[str]:
    ours = profit_of(result, OURS)
    for name in result.beats:
        theirs = profit_of(result, name)
        if ours is not None and theirs is not None and round(theirs, 4) > round(ours, 4):  # as the card prints them
            yield f"trying to save whom {name} ranks highest earns more: {theirs:.2%} of the ARR, ours {ours:.2%}"


def _of_lead(result: Backtest) -> Iterator[str]:
    spans = list(early(result.rows, result.outcome, SERVED).items())
    for span, one in spans[-1:]:
        if one.share < 2 * CAPACITY:
            yield f"{span} ahead it finds {one.share:.0%} in its top {CAPACITY:.0%}, little over chance"
        for name in result.beats:
            theirs = early(result.rows, result.outcome, name, beside=SERVED)[span].share
            if round(theirs, 2) > round(one.share, 2):
                yield f"{span} ahead {name} finds more in its top {CAPACITY:.0%}: {theirs:.0%}, ours {one.share:.0%}"
    ended = before_the_end(result.rows, SERVED)
    if ended is not None and ended.share < 2 * CAPACITY:
        yield (
            f"{BEFORE_END} days before a term ends it finds {ended.share:.0%} of those lost in its top {CAPACITY:.0%}, "
            "little over chance"
        )


def _of_groups(result: Backtest) -> Iterator[str]:
    found = groups(result.rows, SERVED)
    small = [name for name, one in found.items() if one.accounts < MIN_SAID]
    if small:
        yield f"nothing is shown for {', '.join(small)}: the outcome came to fewer than {MIN_SAID} accounts of each"
    for name, one in found.items():
        if one.accounts >= MIN_SAID and not GROUP_OFF[0] <= one.expected / one.outcomes <= GROUP_OFF[1]:
            yield f"for {name} it promised {one.expected:.0f} where {one.outcomes} came"
    ranked = [one.roc_auc for one in result.by_fold if one.accounts >= MIN_SAID and one.roc_auc == one.roc_auc]
    if ranked and min(ranked) < max(ranked) - 0.1:
        yield f"quality differs by period: ROC-AUC {min(ranked):.2f} to {max(ranked):.2f}"


def _of_making(result: Backtest, trials: int) -> Iterator[str]:
    if trials:
        yield (
            f"its parameters were chosen, out of {trials} tried, on the same {len(result.folds)} periods by which it "
            "is judged here: the figures are kinder than life"
        )


def _of_sight(model: Model) -> Iterator[str]:
    blind = [family for family, rows in FAMILIES.items() if not {f.name for f in rows} & set(model.encoding.features)]
    if blind:
        yield f"it sees nothing of {', '.join(blind)}"
    yield "it knows what tables know; a merger, a bankruptcy or a word in a corridor comes as a surprise"
