"""Each weakness is told where the figures show it, in their words, and not where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import Company
from training.backtest import HEALTH, OURS, SERVED, Backtest
from training.calibration import Coverage
from training.horizons import LOST_AT_RENEWAL
from training.lead import early
from training.metrics import Metrics
from training.model import Model
from training.weaknesses import profit_of, uncalibrated, weaknesses
from training.worth import MIN_SAID, Interval


@pytest.fixture
def result(company: Company) -> Backtest:
    """A backtest that promises what came, at every horizon, with a slope of 1."""
    found = company.trained["churn"].backtest
    assert found is not None
    ahead = {name: replace(one, expected=float(one.outcomes)) for name, one in found.ahead.items()}
    ours = replace(found.metrics[OURS], slope=1.0)
    return with_ratio(replace(found, ahead=ahead, metrics=found.metrics | {OURS: ours}), 1.0, 0.8, 1.2)


@pytest.fixture
def model(company: Company) -> Model:
    found = company.trained["churn"].model
    assert found is not None
    return found


def with_ratio(result: Backtest, value: float, low: float, high: float) -> Backtest:
    ours = result.spread[OURS] | {"promised over came": Interval(value, low, high)}
    return replace(result, spread=result.spread | {OURS: ours})


def with_ours(result: Backtest, found: Metrics) -> Backtest:
    return replace(result, metrics=result.metrics | {OURS: found})


def told(result: Backtest, model: Model, *words: str) -> bool:
    """Whether one weakness holds all the words."""
    return any(all(word in one for word in words) for one in weaknesses(result, model))


@pytest.mark.parametrize(
    ("interval", "said"), [((0.48, 0.3, 0.9), "too few"), ((1.5, 1.1, 2.0), "too many"), ((0.8, 0.6, 1.01), "")]
)
def test_a_promise_beyond_chance_of_what_came(
    result: Backtest, model: Model, interval: tuple[float, float, float], said: str
) -> None:
    expected = result.metrics[OURS].outcomes * interval[0]
    off = with_ratio(with_ours(result, replace(result.metrics[OURS], expected=expected)), *interval)
    assert told(off, model, "beyond chance") == bool(said)
    assert told(off, model, f"it promised {expected:.0f} outcomes", said, f"{interval[1]:.2f} to") == bool(said)


@pytest.mark.parametrize(
    ("name", "words"), [("churn_60", "60 days ahead"), (LOST_AT_RENEWAL, "by the end of the term")]
)
def test_a_horizon_that_is_off_by_more_than_a_quarter(result: Backtest, model: Model, name: str, words: str) -> None:
    one = replace(result.ahead["churn_60"], outcomes=40, accounts=MIN_SAID)
    cases = (
        (one, 51.0, True),
        (one, 49.0, False),
        (one, 29.0, True),
        (replace(one, accounts=MIN_SAID - 1), 51.0, False),
    )
    for found, expected, warns in cases:
        off = replace(result, ahead=result.ahead | {name: replace(found, expected=expected)})
        assert told(off, model, f"{words} it promised {expected:.0f} where 40 came") is warns, expected


@pytest.mark.parametrize(
    ("slope", "said"), [(0.89, "too far apart"), (1.11, "too close together"), (0.95, ""), (1.05, "")]
)
def test_a_slope_that_is_off(result: Backtest, model: Model, slope: float, said: str) -> None:
    off = with_ours(result, replace(result.metrics[OURS], slope=slope))
    assert told(off, model, "calibration slope") == bool(said)
    assert told(off, model, said, f"calibration slope {slope:.2f}") == bool(said)


def test_a_baseline_that_earns_more(result: Backtest, model: Model) -> None:
    known = replace(result, rows=result.rows.assign(**{HEALTH: 2 * result.rows["happened"] - 1}))
    assert profit_of(replace(known, outcome="expansion"), HEALTH) is None, "nobody is saved from growing"
    assert not told(replace(known, outcome="expansion"), model, "ranks highest earns more")
    earned = f"{profit_of(known, HEALTH):.2%} of the ARR, ours {profit_of(known, OURS):.2%}"
    assert told(known, model, f"whom {HEALTH} ranks highest earns more", earned)
    worse = replace(result, rows=result.rows.assign(**{HEALTH: -result.rows["happened"]}))
    assert not told(worse, model, f"whom {HEALTH} ranks highest")


def test_periods_that_were_judged_uncalibrated(result: Backtest, model: Model) -> None:
    periods = len(result.folds)
    assert uncalibrated(result) == periods, "the company is too young for any calibration"
    assert told(result, model, "all test periods were judged uncalibrated")
    later = (result.rows["fold"] > result.rows["fold"].min()).to_numpy(dtype=float)
    moved = replace(result, rows=result.rows.assign(**{SERVED: result.rows[SERVED] + later}))
    assert told(moved, model, f"the first 1 of {periods} test periods were judged uncalibrated")
    whole = replace(result, rows=result.rows.assign(**{SERVED: result.rows[SERVED] + 0.1}))
    assert not told(whole, model, "uncalibrated")


def test_intervals_that_do_not_hold(result: Backtest, model: Model) -> None:
    assert told(result, model, "whether its intervals hold is not known")
    own = "churn_90"
    assert told(replace(result, covered={own: Coverage(3, 7, 10)}), model, "too narrow", "7 of 10 groups")
    assert not told(replace(result, covered={own: Coverage(3, 9, 10)}), model, "intervals")
    for name, held, said in (("churn_30", 7, True), ("churn_30", 8, False), (own, 7, False)):
        off = replace(result, covered={own: Coverage(3, 9, 10)} | {name: Coverage(3, held, 10)})
        told_of = f"30 days ahead its intervals are too narrow: they held in {held} of 10 groups"
        assert told(off, model, told_of) is said, "the own horizon is told of once"


def test_an_outcome_seen_late_in_the_figures_of_the_table(result: Backtest, model: Model) -> None:
    blind = replace(result, rows=result.rows.assign(**{f"{SERVED}churn_90": -result.rows["happened"]}))
    span, one = list(early(blind.rows, "churn", SERVED).items())[-1]
    assert told(blind, model, f"{span} ahead it finds {one.share:.0%}", "little over chance")
    seen = replace(result, rows=result.rows.assign(**{f"{SERVED}churn_90": result.rows["happened"]}))
    assert not told(seen, model, "little over chance")
    rival = replace(blind, rows=blind.rows.assign(**{HEALTH: result.rows["happened"]}))
    best = early(rival.rows, "churn", HEALTH, beside=SERVED)[span]
    more = f"{span} ahead {HEALTH} finds more in its top 10%: {best.share:.0%}, ours {one.share:.0%}"
    assert told(rival, model, more)
    assert not told(seen, model, f"ahead {HEALTH} finds more")


def test_a_search_over_the_periods_that_judge(result: Backtest, model: Model) -> None:
    assert any("out of 40 tried" in one for one in weaknesses(result, model, 40))
    assert not told(result, model, "tried")


def test_groups_are_small_by_accounts(result: Backtest, model: Model) -> None:
    assert told(result, model, f"came to fewer than {MIN_SAID} accounts of each")
    assert not np.isnan(result.metrics[OURS].precision)
