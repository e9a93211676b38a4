"""The gate says which test failed and by how much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import Company
from training.backtest import BASELINES, HEALTH, LOGISTIC, OURS, RENEWAL_ALONE, USAGE_ALONE, Backtest
from training.gate import Trial, faults


@pytest.fixture
def passing(company: Company) -> Backtest:
    """A backtest with which nothing is wrong."""
    result = company.trained["churn"].backtest
    assert result is not None
    ours = replace(result.metrics[OURS], roc_auc=0.81, average_precision=0.6, slope=1.05, expected=48.0, outcomes=50)
    theirs = replace(result.metrics[HEALTH], average_precision=0.4)
    beats = dict.fromkeys(BASELINES, (0.2, 0.1, 0.3))
    return replace(result, metrics=result.metrics | {OURS: ours, HEALTH: theirs}, beats=beats)


def with_ours(result: Backtest, **changed: float) -> Backtest:
    return replace(result, metrics=result.metrics | {OURS: replace(result.metrics[OURS], **changed)})  # type: ignore[arg-type]


def test_a_sound_model_passes(passing: Backtest) -> None:
    assert faults(passing) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"roc_auc": 0.512}, ("ROC-AUC", "0.512", "0.60")),
        ({"slope": 0.41}, ("calibration slope", "0.41", "0.6 to 1.6")),
        ({"slope": 2.5}, ("calibration slope", "2.50", "0.6 to 1.6")),
        ({"slope": 0.598}, ("calibration slope is 0.598, outside 0.6 to 1.6",)),
        ({"expected": 80.0}, ("promised 80", "where 50 came, 1.600 of them", "0.7 to 1.4")),
        ({"expected": 34.97}, ("promised 35 outcomes where 50 came, 0.699 of them, outside 0.7",)),
        ({"expected": 20.0}, ("promised 20", "where 50 came", "0.7 to 1.4")),
        ({"average_precision": 0.31}, ("ranks no better", "0.310", "0.400")),
        ({"outcomes": 0}, ("promised 48", "where 0 came, outside")),
    ],
)
def test_each_measure_out_of_bounds_is_named_with_its_figure(
    passing: Backtest, changed: dict[str, float], words: tuple[str, ...]
) -> None:
    (fault,) = faults(with_ours(passing, **changed))
    for word in words:
        assert word in fault


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ({"roc_auc": 0.6}, {"roc_auc": 0.599}),
        ({"average_precision": 0.4}, {"average_precision": 0.399}),
        ({"slope": 0.6}, {"slope": 0.599}),
        ({"slope": 1.6}, {"slope": 1.601}),
        ({"expected": 35.0}, {"expected": 34.9}),
        ({"expected": 70.0}, {"expected": 70.1}),
    ],
)
def test_a_bound_belongs_to_what_passes(passing: Backtest, within: dict[str, float], beyond: dict[str, float]) -> None:
    assert faults(with_ours(passing, **within), Trial(latency_ms=50.0)) == []
    assert len(faults(with_ours(passing, **beyond), Trial(latency_ms=50.1))) == 2


def test_the_health_score_must_be_beaten_over_the_whole_interval(passing: Backtest) -> None:
    (fault,) = faults(replace(passing, beats=passing.beats | {HEALTH: (0.05, -0.012, 0.11)}))
    assert "health score" in fault
    assert "+0.0500 (-0.0120 to +0.1100)" in fault


@pytest.mark.parametrize("by", [(-0.08, -0.12, -0.03), (-0.01, -0.03, 0.02), (0.01, -0.02, 0.04), (0.02, 0.0, 0.04)])
def test_a_model_that_is_not_shown_to_beat_logistic_regression_is_refused(
    passing: Backtest, by: tuple[float, float, float]
) -> None:
    (fault,) = faults(replace(passing, beats=passing.beats | {LOGISTIC: by}))
    told = f"its log loss less ours is {by[0]:+.4f} ({by[1]:+.4f} to {by[2]:+.4f})"
    assert fault == f"does not beat logistic regression: {told}"


def test_every_fault_is_told_at_once(passing: Backtest) -> None:
    bad = replace(with_ours(passing, roc_auc=0.4, slope=9.0, expected=500.0), beats=passing.beats | {
        HEALTH: (-0.1, -0.2, 0.0), LOGISTIC: (-0.1, -0.2, -0.05),
    })  # fmt: skip
    assert len(faults(bad)) == 5


@pytest.mark.parametrize("measure", ["roc_auc", "slope", "expected"])
def test_a_measure_that_cannot_be_told_does_not_open_the_gate(passing: Backtest, measure: str) -> None:
    assert faults(with_ours(passing, **{measure: float("nan")}))


@pytest.mark.parametrize("name", BASELINES)
def test_a_comparison_that_cannot_be_told_does_not_open_the_gate(passing: Backtest, name: str) -> None:
    nan = float("nan")
    assert faults(replace(passing, beats=passing.beats | {name: (nan, nan, nan)}))


@pytest.mark.parametrize("signal", [RENEWAL_ALONE, USAGE_ALONE])
def test_one_signal_alone_must_be_beaten(passing: Backtest, signal: str) -> None:
    (fault,) = faults(replace(passing, beats=passing.beats | {signal: (0.001, -0.001, 0.003)}))
    assert fault == f"does not beat {signal}: its log loss less ours is +0.0010 (-0.0010 to +0.0030)"


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (
            Trial(leaks=["churn: usage has rows …"]),
            "learnt from what seems to know the outcome: churn: usage has rows …",
        ),
        (Trial(latency_ms=81.4), "takes 81.4 ms to explain one row, more than 50"),
    ],
)
def test_what_a_fitted_model_shows_is_judged_too(passing: Backtest, trial: Trial, words: str) -> None:
    (fault,) = faults(passing, trial)
    assert words in fault
    assert faults(passing, Trial(latency_ms=3.0)) == []
