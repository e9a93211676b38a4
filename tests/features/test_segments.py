"""Who an account is on a date."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.segments import SHIPPED, SIZES, STAGES, VALUE_TIERS, SegmentsError, segment_of, thresholds


@pytest.mark.parametrize(
    ("arr", "size", "value_tier", "motion"),
    [
        (None, "smb", "low", "tech_touch"),
        (14_999.0, "smb", "low", "tech_touch"),
        (15_000.0, "smb", "medium", "tech_touch"),
        (20_000.0, "mid_market", "medium", "pooled"),
        (60_000.0, "mid_market", "high", "pooled"),
        (100_000.0, "enterprise", "high", "high_touch"),
    ],
)
def test_arr_says_size_value_and_motion_where_nothing_else_does(
    arr: float | None, size: str, value_tier: str, motion: str
) -> None:
    found = segment_of({"arr": arr, "segment": None, "tenure_days": 200.0})
    assert (found.size, found.value_tier, found.motion) == (size, value_tier, motion)


def test_a_size_the_company_states_speaks_before_arr() -> None:
    found = segment_of({"arr": 1_000.0, "segment": "enterprise"})
    assert (found.size, found.motion, found.value_tier) == ("enterprise", "high_touch", "low")
    assert segment_of({"arr": 1_000.0, "segment": float("nan")}).size == "smb"


def test_a_strategic_account_is_of_high_value_whatever_it_pays() -> None:
    assert segment_of({"arr": 1.0, "strategic": 1.0}).value_tier == "high"
    assert segment_of({"arr": 1.0, "strategic": 0.0}).value_tier == "low"


@pytest.mark.parametrize(
    ("tenure", "grown", "stage"),
    [
        (90.0, 0.5, "onboarding"),
        (91.0, 0.5, "expansion"),
        (91.0, 0.1, "expansion"),
        (91.0, 0.09, "adoption"),
        (91.0, None, "adoption"),
        (364.0, 0.0, "adoption"),
        (365.0, -0.5, "maturity"),
        (365.0, 0.2, "expansion"),
    ],
)
def test_age_and_growth_say_the_stage(tenure: float, grown: float | None, stage: str) -> None:
    assert segment_of({"tenure_days": tenure, "seats_change_180d": grown}).stage == stage
    assert segment_of({"tenure_days": tenure, "arr_change_180d": grown}).stage == stage


@pytest.mark.parametrize(
    ("row", "days"),
    [
        ({"tenure_days": 40.0}, 40),
        ({"tenure_days": 91.0, "arr_smallest": 10.0, "arr_largest": 10.0}, 0),
        ({"tenure_days": 200.0, "arr_smallest": 10.0, "arr_largest": 10.0}, 109),
        ({"tenure_days": 400.0, "arr_smallest": 10.0, "arr_largest": 10.9}, 35),
        ({"tenure_days": 400.0, "arr_smallest": 10.0, "arr_largest": 11.0}, None),
        ({"tenure_days": 400.0, "arr_change_180d": 0.2, "arr_smallest": 10.0, "arr_largest": 12.0}, None),
        ({"tenure_days": 40.0, "arr_smallest": 10.0, "arr_largest": 12.0}, 40),
        ({}, None),
    ],
)
def test_days_in_a_stage_are_known_unless_growth_came_between(row: dict[str, float], days: int | None) -> None:
    assert segment_of(row).stage_days == days


def test_every_segment_is_of_the_known_words() -> None:
    for size in SIZES:
        found = segment_of({"segment": size})
        assert found.size == size
        assert found.value_tier in VALUE_TIERS
        assert found.stage in STAGES


def test_thresholds_tell_every_fault_at_once(tmp_path: Path) -> None:
    file = tmp_path / "segments.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace('"pooled"', '"by_post"').replace("high_arr", "big_arr"), encoding="utf-8")
    with pytest.raises(SegmentsError, match=r"segments\.toml cannot be used: 3") as error:
        thresholds(file)
    assert all(place in str(error.value) for place in ("value.high_arr", "value.big_arr", "motion.mid_market"))


def test_thresholds_of_ones_own_are_used(tmp_path: Path) -> None:
    file = tmp_path / "segments.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace("enterprise_arr = 100_000", "enterprise_arr = 30_000"), encoding="utf-8")
    row: dict[str, object] = {"arr": 40_000.0}
    assert segment_of(row, thresholds(file)).size == "enterprise"
    assert segment_of(row).size == "mid_market"
