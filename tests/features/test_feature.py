"""Every value is said in its unit, and every feature has a sentence for every value, known or not."""

from __future__ import annotations

import dataclasses
import re
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import CATALOGUE, UNITS
from features.feature import Feature, Reason, Unit, is_known, sentence, spoken


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.34, Unit.PERCENT, "34 %"),
        (-0.34, Unit.PERCENT, "-34 %"),
        (0.0123, Unit.PERCENT, "1.2 %"),
        (0.0, Unit.PERCENT, "0 %"),
        (12.34, Unit.PERCENT, "1,234 %"),
        (-0.0001, Unit.PERCENT, "0.0 %"),
        (-0.0, Unit.PERCENT, "0 %"),
        (-0.3, Unit.DAYS, "0 days"),
        (-0.04, Unit.SCORE, "0.0"),
        (-0.4, Unit.MONEY, "0"),
        (-0.04, Unit.COUNT, "0"),
        (1.0, Unit.DAYS, "1 day"),
        (0.0, Unit.DAYS, "0 days"),
        (1200.0, Unit.DAYS, "1,200 days"),
        (1.0, Unit.FLAG, "yes"),
        (0.0, Unit.FLAG, "no"),
        (True, Unit.FLAG, "yes"),
        (7.25, Unit.SCORE, "7.2"),
        (-0.5, Unit.SCORE, "-0.5"),
        (1234567.8, Unit.MONEY, "1,234,568"),
        (3.0, Unit.COUNT, "3"),
        (3.25, Unit.COUNT, "3.2"),
        (1234.0, Unit.COUNT, "1,234"),
        ("mid_market", Unit.CATEGORY, "mid market"),
        (None, Unit.COUNT, "unknown"),
        (nan, Unit.MONEY, "unknown"),
        (None, Unit.CATEGORY, "unknown"),
    ],
)
def test_a_value_is_said_in_its_unit(value: object, unit: Unit, said: str) -> None:
    assert spoken(value, unit) == said


def test_null_and_not_a_number_are_both_unknown() -> None:
    assert not is_known(None)
    assert not is_known(nan)
    assert all(is_known(value) for value in (0, 0.0, False, "", inf, "nan"))


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("tickets_28d", {"tickets_28d": 1.0}, "1 support ticket was opened in the last four weeks"),
        ("tickets_28d", {"tickets_28d": 0.0}, "0 support tickets were opened in the last four weeks"),
        (
            "active_users_change_8w",
            {"active_users_change_8w": -0.34, "active_users_28d": 6.0, "active_users_28d_before": 9.0},
            "Monthly active users fell 34 %, 9 to 6",
        ),
        (
            "active_users_change_8w",
            {"active_users_change_8w": 0.5, "active_users_28d": 6.0, "active_users_28d_before": 4.0},
            "Monthly active users rose 50 %, 4 to 6",
        ),
        (
            "nps_delta",
            {"nps_delta": -2.0, "nps_last": 5.0},
            "The last NPS answer of 5.0 lies 2.0 below the year's mean",
        ),
        ("unpaid_days", {"unpaid_days": 1.0}, "The oldest unpaid invoice is 1 day overdue"),
        ("unpaid_days", {"unpaid_days": None}, "Days the oldest unpaid invoice is overdue: not known"),
        ("unpaid_days", {}, "Days the oldest unpaid invoice is overdue: not known"),
        ("auto_renew", {"auto_renew": 0.0}, "Renews by itself: no"),
    ],
)
def test_a_sentence_tells_the_value_in_words(name: str, row: dict[str, object], said: str) -> None:
    assert sentence(CATALOGUE[name], row, UNITS) == said


def values_of(feature: Feature) -> st.SearchStrategy[object]:
    if feature.unit is Unit.CATEGORY:
        return st.sampled_from(["mid_market", "o'neill & co {x}", "ünï 🚀"])
    if feature.unit is Unit.FLAG:
        return st.sampled_from([0.0, 1.0])
    return st.sampled_from([0.0, 1.0, 2.0, -1.0, -0.004, 0.5, 1e9]) | st.floats(-1e6, 1e6)


@pytest.mark.parametrize("name", CATALOGUE)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_feature_has_a_sentence_for_every_value(name: str, data: st.DataObject) -> None:
    feature = CATALOGUE[name]
    row = {one: data.draw(values_of(CATALOGUE[one]) | st.none() | st.just(nan)) for one in {name, *feature.mentions}}
    said = sentence(feature, row, UNITS)
    assert not re.search(r"\b(nan|None|NaN|inf)\b|<[a-z]", said)
    assert said.strip() == said != ""
    assert ("not known" in said) is not is_known(row[name])
    assert "{" not in said.replace("{x}", "")


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_unknown_value_is_said_to_be_unknown_with_all_else_known(name: str) -> None:
    row: dict[str, object] = dict.fromkeys(CATALOGUE, 1.0) | {name: None}
    assert sentence(CATALOGUE[name], row, UNITS) == f"{CATALOGUE[name].label}: not known"


def test_every_reason_has_words_of_its_own() -> None:
    assert len({reason.words for reason in Reason}) == len(Reason)


def test_a_feature_names_the_values_its_sentence_needs() -> None:
    feature = dataclasses.replace(CATALOGUE["arr"], words="{arr} of {seats:seat|seats}, {arr:abs}")
    assert feature.mentions == {"arr", "seats"}
