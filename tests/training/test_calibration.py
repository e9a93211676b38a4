"""A line makes log-odds a frequency, says how far it may be off, and adds for segments only what they have shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.odds import sigmoid
from training.calibration import (
    MIN_SEGMENT_OUTCOMES,
    Coverage,
    Floats,
    Line,
    calibrated,
    covered_by,
    doubt,
    doubts,
    enough,
    lasting,
    level,
    levels,
    segment_offsets,
)

FIRST = date(2026, 1, 1)


def drawn(seed: int, shifts: tuple[float, ...], rows: int = 800, repeat: int = 1) -> tuple[pd.DataFrame, Floats]:
    """Rows of as many folds as `shifts`, by which each fold's log-odds are off; accounts come `repeat` times a fold."""
    random = np.random.default_rng(seed)
    raw = np.repeat(random.normal(-2.0, 1.2, (len(shifts), rows)), repeat, axis=1)
    truth = sigmoid(raw + np.array(shifts)[:, None])
    happened = np.repeat(random.random((len(shifts), rows)), repeat, axis=1) < truth
    names = np.repeat(np.arange(rows), repeat)
    frame = pd.DataFrame(
        {
            "fold": np.repeat(np.arange(len(shifts)), rows * repeat),
            "account_id": [f"a{fold}-{name}" for fold in range(len(shifts)) for name in names],
            "as_of": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(np.repeat(np.arange(len(shifts)), rows * repeat), "D"),
            "happened": happened.ravel().astype(float),
        }
    )
    return frame, raw.ravel()


def coverage(rows: pd.DataFrame, raw: Floats, known_by: dict[int, date]) -> Coverage:
    """Every fold judged by earlier ones alone, of which what was known by a day counts."""
    lines = {}
    for fold, last in known_by.items():
        known = ((rows["fold"] < fold) & (rows["as_of"] <= pd.Timestamp(last))).to_numpy()
        if enough(rows.loc[known, "happened"].to_numpy()):
            line = lasting(raw[known], rows.loc[known, "happened"].to_numpy())
            lines[fold] = replace(line, doubt=doubt(line, rows[known], raw[known]))
    return covered_by(lines, rows, raw)


def judged(rows: pd.DataFrame, raw: Floats) -> Coverage:
    """The coverage where each fold but the first two is judged by all before it."""
    known_by = {int(fold): FIRST + timedelta(days=int(fold) - 1) for fold in rows["fold"].unique() if fold > 1}
    return coverage(rows, raw, known_by)


def test_the_doubt_is_that_of_maximum_likelihood_where_rows_are_independent() -> None:
    rows, raw = drawn(1, (0.0,), rows=4000)
    line = calibrated(raw, rows["happened"].to_numpy())
    probability = line.served(raw)
    weight = sigmoid(probability) * (1 - sigmoid(probability))
    design = np.column_stack([np.ones(len(raw)), raw])
    expected = np.linalg.inv(design.T @ (design * weight[:, None]))
    found = doubt(line, rows, raw)
    assert found == pytest.approx((expected[0, 0], expected[0, 1], expected[1, 1]), rel=0.2)


def test_rows_of_one_account_are_not_counted_as_many_witnesses() -> None:
    once, raw = drawn(2, (0.0,), rows=2000)
    often, raws = drawn(2, (0.0,), rows=2000, repeat=4)
    line = calibrated(raw, once["happened"].to_numpy())
    assert doubt(line, often, raws) == pytest.approx(doubt(line, once, raw), rel=1e-9)


def test_periods_that_differ_widen_the_interval() -> None:
    line = Line()
    calm, raw = drawn(3, (0.0, 0.0, 0.0, 0.0))
    restless, other = drawn(3, (0.6, -0.6, 0.6, -0.6))
    assert doubt(line, restless, other)[0] > doubt(line, calm, raw)[0] + 0.1


def test_what_periods_differ_by_beyond_chance_is_reckoned_by_hand() -> None:
    """
    | period | of 100, promised one half, came | level: off / 25 | its variance: 25 / 25² |
    |--------|--------------------------------|-----------------|-------------------------|
    | 0      | 40                             | -0.4            | 0.04                    |
    | 1      | 50                             | 0.0             | 0.04                    |
    | 2      | 60                             | 0.4             | 0.04                    |

    Beyond chance: (8 - 2) / (75 - 25) = 0.12; for a new period and the mean of three, 4 / 3 of it, by the t of two.
    """
    came = [1.0] * 40 + [0.0] * 60 + [1.0, 0.0] * 50 + [1.0] * 60 + [0.0] * 40
    rows = pd.DataFrame({"fold": np.repeat([0, 1, 2], 100), "account_id": range(300), "happened": came})
    assert doubt(Line(), rows, np.zeros(300))[0] == pytest.approx(
        1 / 75 + 0.12 * 4 / 3 * (4.3027 / 1.96) ** 2, rel=1e-4
    )
    calm = rows.assign(happened=[1.0, 0.0] * 150)
    assert doubt(Line(), calm, np.zeros(300))[0] == pytest.approx(1 / 75)


def test_a_line_keeps_within_its_slopes_and_promises_as_many_as_came() -> None:
    raw = np.repeat([-1.0, 1.0], 100)
    steep = calibrated(raw, np.repeat([1.0, 0.0, 1.0, 0.0], [10, 90, 99, 1]))
    assert (steep.slope, sigmoid(steep.served(raw)).sum()) == pytest.approx((1.5, 109))
    flat = calibrated(raw, np.repeat([1.0, 0.0, 1.0, 0.0], [30, 70, 30, 70]))
    assert (flat.slope, sigmoid(flat.served(raw)).sum()) == pytest.approx((0.25, 60))


def test_twenty_outcomes_say_how_many_came_unless_it_came_to_all() -> None:
    assert [enough(np.repeat([1.0, 0.0], told)) for told in ((19, 9), (20, 9), (20, 0))] == [False, True, False]


def test_an_interval_reaches_further_above_a_small_probability_than_below() -> None:
    """Promised 4.7 of 100; by log-odds of 0.98 to each side from 1.8 to 11.7."""
    rows = pd.DataFrame({"fold": 0, "account_id": range(100), "happened": 0.0})
    line = Line(doubt=(0.25, 0.0, 0.0))
    held = []
    for came in (0, 1, 2, 11, 12):
        told = rows.assign(happened=(rows.index < came).astype(float))
        held.append(covered_by({0: line}, told, np.full(100, -3.0), groups=1).alone)
    assert held == [0, 0, 1, 1, 0]


def test_an_interval_holds_its_probability_and_grows_with_distance() -> None:
    rows, raw = drawn(4, (0.1, -0.1, 0.2, 0.0))
    line = calibrated(raw, rows["happened"].to_numpy())
    line = Line(line.slope, line.intercept, doubt=doubt(line, rows, raw))
    for log_odds in (-6.0, -2.0, 0.0, 5.0):
        low, high = line.interval(log_odds)
        assert 0 < low < sigmoid(np.array([log_odds]))[0] < high < 1
    assert line.error(5.0) > line.error(-2.0)
    assert Line().interval(0.0) == (0.5, 0.5)


def test_what_a_segment_adds_is_no_part_of_how_far_the_line_may_be_off() -> None:
    line = Line(0.8, -0.3, segments={"enterprise": 0.6}, doubt=(0.1, 0.032, 0.0125))
    raw = np.array([-3.0])
    for segment in ("enterprise", "smb", None):
        (served,) = line.served(raw, pd.Series([segment], dtype=object))
        assert line.error(served, segment) == pytest.approx((0.1 + 2 * -3 * 0.032 + 9 * 0.0125) ** 0.5)
        low, high = line.interval(served, segment)
        assert np.log(high / (1 - high)) - np.log(low / (1 - low)) == pytest.approx(2 * 1.96 * 0.1432, abs=1e-3)


def test_every_horizon_has_an_interval_of_its_own() -> None:
    line = Line(0.8, -0.3, {"smb": 0.6}, {30: -1.0, 90: 0.0}, doubt=(0.1, 0.0, 0.0), doubts={30: (0.3, 0.02, 0.01)})
    for segment in ("smb", None):
        (served,) = line.served(np.array([-3.0]), pd.Series([segment], dtype=object), 30)
        assert line.error(served, segment, 30) == pytest.approx((0.3 - 2 * 3 * 0.02 + 9 * 0.01) ** 0.5)
        low, high = line.interval(served, segment, 30)
        assert low < sigmoid(np.array([served]))[0] < high
        assert line.interval(served, segment, 60) == line.interval(served, segment), "one that was not learnt"
    document = {"slope": 0.8, "intercept": -0.3, "segments": {}, "levels": {}, "renewal": 0.0, "doubt": [0.1, 0, 0]}
    assert Line.read(document).doubts == {}, "a model saved before every horizon had its own"
    assert Line.read(document | {"doubts": {"30": [0.3, 0, 0]}}).doubts == {30: (0.3, 0, 0)}


def test_the_doubt_of_a_horizon_is_told_by_what_came_there() -> None:
    """
    | horizon | came there               | doubt                                                   |
    |---------|--------------------------|---------------------------------------------------------|
    | 180     | enough, in two periods   | its own                                                 |
    | 60      | enough, in one period    | the own horizon's, and the chance of so few accounts    |
    | 30      | 9 rows of 5 accounts     | that of 60 days, and the chance of so few accounts      |
    """
    rows, raw = drawn(8, (0.3, -0.3), repeat=2)
    line = Line(levels={30: -1.0, 60: -0.5, 90: 0.0, 180: 0.5}, doubt=(0.2, 0.01, 0.02))
    once = (rows["fold"] == 0).to_numpy()
    few = rows.assign(happened=rows["happened"].where(rows["happened"].cumsum() < 10, 0.0))
    found = doubts(line, 90, {180: (rows, raw), 60: (rows[once], raw[once]), 30: (few, raw)})
    assert list(found) == [30, 60, 180]
    assert found[180] == doubt(Line(intercept=0.5), rows, raw)
    came = rows["happened"][once].sum() / 2
    assert found[60] == pytest.approx((0.2 + 1 / came, 0.01, 0.02))
    assert found[30] == pytest.approx((0.2 + 1 / came + 1 / 5, 0.01, 0.02))


def test_intervals_at_a_horizon_hold_where_its_level_is_right_and_not_where_it_is_off() -> None:
    rows, raw = drawn(9, (0.0, 0.0, 0.0, 0.0), rows=2000)
    line = Line(levels={30: -1.0, 90: 0.0}, doubt=(0.5, 0.0, 0.0), doubts={30: (0.01, 0.0, 0.0)})
    right = covered_by(dict.fromkeys((2, 3), line), rows, raw + 1.0, 30)
    assert right.held == right.of == 2 * 5
    off = covered_by(dict.fromkeys((2, 3), line), rows, raw, 30)
    assert off.held < off.of / 2, "judged by the doubt of that horizon, not by the wide one of its own"


def test_the_interval_covers_what_it_says() -> None:
    held = of = 0
    for seed in range(12):
        shifts = tuple(np.random.default_rng(seed).normal(0, 0.3, 4))
        found = judged(*drawn(seed, shifts, repeat=2))
        held, of = held + found.held, of + found.of
    assert of == 12 * 2 * 5
    assert held / of >= 0.9


def test_the_chance_of_the_count_is_told_apart_from_the_interval() -> None:
    """Of few accounts the count strays out of an interval that holds the rate; of many it hardly does."""
    shifts = tuple(np.random.default_rng(0).normal(0, 0.3, 6))
    few, many = (judged(*drawn(0, shifts, rows=rows)) for rows in (200, 20_000))
    assert few.of == many.of == 4 * 5
    assert few.alone < 0.8 * few.of < 0.9 * few.of <= few.held
    assert many.alone >= 0.9 * many.of


def test_a_period_is_judged_by_earlier_ones_alone() -> None:
    rows, raw = drawn(6, (0.0, 0.0, 0.3, -0.4))
    turned = rows.assign(happened=rows["happened"].where(rows["fold"] < 3, 1 - rows["happened"]))
    first = rows["fold"] < 3
    assert judged(rows[first], raw[first]) == judged(turned[first], raw[first])
    assert judged(rows, raw).of == 2 * 5
    before = judged(turned, raw)
    assert before.of - before.held >= 5 > judged(rows, raw).of - judged(rows, raw).held


def test_a_period_before_which_too_little_was_known_is_not_judged() -> None:
    rows, raw = drawn(7, (0.0, 0.0))
    one = FIRST + timedelta(days=1)
    assert coverage(rows, raw, {1: FIRST}).of == 5
    assert coverage(rows, raw, {0: one}) == Coverage(0, 0, 0), "later folds do not stand in for earlier ones"
    assert coverage(rows, raw, {1: FIRST - timedelta(days=1)}) == Coverage(0, 0, 0), "nothing had come true by then"
    few = rows.assign(happened=rows["happened"].where(rows["happened"].cumsum() < 20, 0.0))
    assert coverage(few, raw, {1: FIRST}) == Coverage(0, 0, 0)


def test_a_calibration_that_is_off_is_not_covered() -> None:
    found = judged(*drawn(5, (0.0, 0.0, 0.0, 1.6), rows=3000))
    assert found.alone <= found.held < found.of


def test_of_what_earlier_periods_missed_a_part_lasts() -> None:
    """
    | missed                          | taken            |
    |---------------------------------|------------------|
    | level: log-odds 0.8 too low     | a quarter        |
    | slope 0.5: spread twice too far | half the way, as many promised |
    | nothing but one class           | nothing          |
    """
    random = np.random.default_rng(3)
    raw = random.normal(-2.0, 1.0, 200_000)
    low = lasting(raw, (random.random(len(raw)) < sigmoid(raw + 0.8)).astype(float))
    assert (low.slope, low.intercept) == pytest.approx((1.0, 0.2), abs=0.03)
    came = (random.random(len(raw)) < sigmoid(0.5 * raw - 1.0)).astype(float)
    far = lasting(raw, came)
    assert far.slope == pytest.approx(0.75, abs=0.02)
    missed = level(came, far.served(raw))
    assert missed == pytest.approx(0.75 * level(came, 0.75 * raw + level(sigmoid(raw), 0.75 * raw)), abs=0.02)
    assert lasting(raw, np.zeros(len(raw))) == Line()


def segmented(counts: dict[str, int], added: dict[str, float]) -> tuple[pd.DataFrame, Floats]:
    random = np.random.default_rng(7)
    segment = np.repeat(list(counts), list(counts.values()))
    log_odds = random.normal(-1.5, 1.0, len(segment))
    chance = sigmoid(log_odds + np.array([added[name] for name in segment]))
    frame = pd.DataFrame(
        {
            "segment": segment,
            "happened": (random.random(len(segment)) < chance).astype(float),
            "account_id": [str(number) for number in range(len(segment))],
        }
    )
    return frame, log_odds


def test_a_segment_adds_what_it_has_shown_drawn_towards_nothing() -> None:
    rows, log_odds = segmented({"smb": 6000, "enterprise": 6000}, {"smb": 0.0, "enterprise": 0.8})
    found = segment_offsets(rows, log_odds)
    assert 0.65 < found["enterprise"] - found["smb"] < 0.9
    one, alike = rows["segment"] == "enterprise", level(rows["happened"].to_numpy(), log_odds)
    assert found["smb"] < 0 < found["enterprise"] < 0.8, "what all miss alike is no segment's"
    served = sigmoid(Line(segments=found).served(log_odds + alike, rows["segment"]))
    assert served[one].sum() == pytest.approx(rows.loc[one, "happened"].sum(), rel=0.02)


def test_a_segment_is_drawn_towards_nothing_by_a_prior_of_one_quarter() -> None:
    """Of 100 rows each, promised one half, 60 and 40 came: what came beyond the promise balances added / 0.25."""
    rows = pd.DataFrame({"segment": ["smb"] * 100 + ["enterprise"] * 100, "account_id": range(200)})
    rows["happened"] = np.repeat([1.0, 0.0, 1.0, 0.0], [60, 40, 40, 60])
    found = segment_offsets(rows, np.zeros(200))
    assert found["enterprise"] == pytest.approx(-found["smb"])
    assert 60 - 100 * sigmoid(np.array([found["smb"]]))[0] == pytest.approx(4 * found["smb"])


def test_a_segment_with_few_outcomes_is_not_spoken_of() -> None:
    rows, log_odds = segmented({"smb": 6000, "enterprise": 60}, {"smb": 0.0, "enterprise": 0.8})
    assert 0 < rows.loc[rows["segment"] == "enterprise", "happened"].sum() < MIN_SEGMENT_OUTCOMES
    assert set(segment_offsets(rows, log_odds)) == {"smb"}


def test_many_rows_of_few_accounts_are_few_outcomes() -> None:
    rows, log_odds = segmented({"smb": 6000}, {"smb": 0.0})
    rows["account_id"] = "the same"
    assert segment_offsets(rows, log_odds) == {}


def test_an_unknown_segment_is_answered_by_the_pooled_line() -> None:
    line = Line(1.0, 0.5, {"smb": 0.25})
    segments = pd.Series(["smb", "enterprise", None], dtype=object)
    assert line.served(np.zeros(3), segments).tolist() == [0.75, 0.5, 0.5]
    assert line.served(np.zeros(3)).tolist() == [0.5, 0.5, 0.5]


def test_a_horizon_adds_what_makes_its_promises_come_true_and_never_less_than_a_shorter_one() -> None:
    random = np.random.default_rng(11)
    raw = random.normal(-2.0, 1.0, 6000)
    seen = {
        days: ((random.random(6000) < sigmoid(raw + off)).astype(float), raw)
        for days, off in ((30, -0.6), (60, 0.4), (180, 0.5))
    }
    line = Line()
    found = levels(line, 90, seen)
    assert list(found) == [30, 60, 90, 180]
    assert found == pytest.approx({30: -0.6, 60: 0.0, 90: 0.0, 180: 0.5}, abs=0.15)
    assert found[60] == found[90] == 0.0
    levelled = Line(levels=found)
    promised = sigmoid(levelled.served(raw, horizon_days=30)).sum()
    assert promised == pytest.approx(seen[30][0].sum(), rel=1e-6)
    between = levelled.served(np.zeros(2), horizon_days=np.array([45.0, 135.0]))
    assert between == pytest.approx([found[30] / 2, found[180] / 2])
    assert levelled.served(np.zeros(1), horizon_days=400)[0] == found[180]


def test_a_horizon_with_few_outcomes_adds_what_its_neighbour_does() -> None:
    seen = {30: (np.array([1.0, 0.0]), np.zeros(2)), 180: (np.zeros(0), np.zeros(0))}
    assert levels(Line(), 90, seen) == {30: 0.0, 90: 0.0, 180: 0.0}


def test_what_the_own_horizon_misses_no_other_makes_good_alone() -> None:
    random = np.random.default_rng(5)
    raw = random.normal(-2.0, 1.0, 100_000)
    missed, more = 0.6, 0.3
    seen = {180: ((random.random(len(raw)) < sigmoid(raw + missed + more)).astype(float), raw)}
    assert levels(Line(), 90, seen, missed)[180] == pytest.approx(more, abs=0.03)
