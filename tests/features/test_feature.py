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

NO_BREAK = "\N{NO-BREAK SPACE}%"


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
        (0.094, Unit.PERCENT, "9.4 %"),
        (0.097, Unit.PERCENT, "10 %"),
        (-0.3, Unit.DAYS, "under a day"),
        (-0.04, Unit.SCORE, "0"),
        (-0.001, Unit.MONEY, "0.00"),
        (-0.04, Unit.COUNT, "0"),
        (1.0, Unit.DAYS, "1 day"),
        (0.0, Unit.DAYS, "under a day"),
        (1200.0, Unit.DAYS, "1,200 days"),
        (1.0, Unit.FLAG, "yes"),
        (0.0, Unit.FLAG, "no"),
        (True, Unit.FLAG, "yes"),
        (7.25, Unit.SCORE, "7.2"),
        (-0.5, Unit.SCORE, "-0.5"),
        (5.0, Unit.SCORE, "5"),
        (0.3, Unit.MONEY, "0.30"),
        (5.0, Unit.MONEY, "5"),
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
    assert spoken(value, unit) == said.replace(" %", NO_BREAK)


def test_no_percent_sign_of_the_catalogue_may_part_from_its_number() -> None:
    assert not [name for name, feature in CATALOGUE.items() if " %" in feature.label + feature.words]


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
            "The last NPS answer of 5 lies 2 below the year's mean",
        ),
        ("discount", {"discount": 0.0}, "They pay with no discount"),
        ("discount", {"discount": 0.15}, "They pay with a discount of 15 %"),
        (
            "arr_change_180d",
            {"arr_change_180d": 0.0, "arr": 273_580.0, "arr_180d_before": 273_580.0},
            "ARR stayed the same in half a year, at 273,580",
        ),
        (
            "arr_change_180d",
            {"arr_change_180d": 0.004, "arr": 251.0, "arr_180d_before": 250.0},
            "ARR rose 0.4 % in half a year, 250 to 251",
        ),
        (
            "two_way_change_90d",
            {"two_way_change_90d": 0.0, "two_way_90d": 3.0},
            "Two-way contacts equalled those of the 90 days before, at 3",
        ),
        (
            "csat_change_90d",
            {"csat_change_90d": 0.04},
            "CSAT answers of the last 90 days lie level with those of the months before",
        ),
        (
            "severe_rise_28d",
            {"severe_rise_28d": -1.0},
            "High or urgent tickets in the last four weeks were 1 fewer than in four usual ones",
        ),
        (
            "tickets_per_seat_90d",
            {"tickets_per_seat_90d": 0.1, "tickets_90d": 1.0, "seats": 10.0},
            "1 ticket in 90 days for 10 seats",
        ),
        (
            "seat_use",
            {"seat_use": 1 / 3, "active_users_28d": 1.0, "seats": 3.0},
            "1 person used the product in the last four weeks, and 3 seats are paid for (33 %)",
        ),
        (
            "events_84d_before",
            {"events_84d_before": 4 / 3},
            "1.3 product events per four weeks in the twelve weeks before",
        ),
        (
            "ticket_mood_90d",
            {"ticket_mood_90d": -0.2},
            "Tickets of the last 90 days are neutral in tone: -0.2 on a scale from -1 to 1",
        ),
        (
            "comment_mood_365d",
            {"comment_mood_365d": 0.1},
            "Survey comments of the last year are neutral in tone: 0.1 on a scale from -1 to 1",
        ),
        (
            "comment_mood_365d",
            {"comment_mood_365d": -0.3},
            "Survey comments of the last year are unhappy in tone: -0.3 on a scale from -1 to 1",
        ),
        ("unpaid_days", {"unpaid_days": 1.0}, "The oldest unpaid invoice is 1 day overdue"),
        ("unpaid_days", {"unpaid_days": None}, "Days the oldest unpaid invoice is overdue: not known"),
        ("unpaid_days", {}, "Days the oldest unpaid invoice is overdue: not known"),
        ("auto_renew", {"auto_renew": 0.0}, "Renews by itself: no"),
    ],
)
def test_a_sentence_tells_the_value_in_words(name: str, row: dict[str, object], said: str) -> None:
    assert sentence(CATALOGUE[name], row, UNITS) == said.replace(" %", NO_BREAK)


@pytest.mark.parametrize("name", [name for name, feature in CATALOGUE.items() if "#" in feature.words])
def test_what_did_not_change_is_said_without_a_figure_for_nothing(name: str) -> None:
    row = dict.fromkeys(CATALOGUE, 7.0) | {name: 0.0}
    assert not re.search(r"\b0\b|#", sentence(CATALOGUE[name], row, UNITS))
    assert "#" not in sentence(CATALOGUE[name], row | {name: -0.5}, UNITS)


def test_one_is_not_said_as_many() -> None:
    def said(name: str, number: float) -> str:
        return re.sub(r"\b[12]\b", "n", sentence(CATALOGUE[name], dict.fromkeys(CATALOGUE, number), UNITS))

    alike = {name for name, unit in UNITS.items() if unit is Unit.COUNT and said(name, 1.0) == said(name, 2.0)}
    assert alike == {"active_days_28d", "active_days_90d", "leads_left_180d", "roles_met_180d"}, "1 of many is none"


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
    assert len({reason.words for reason in Reason}) == len({reason.topic for reason in Reason}) == len(Reason)


def test_a_feature_names_the_values_its_sentence_needs() -> None:
    feature = dataclasses.replace(CATALOGUE["arr"], words="{arr:fell #|rose #|at {products}} of {seats:seat|seats}")
    assert feature.mentions == {"arr", "seats", "products"}


def test_a_sentence_compares_that_has_a_change_or_another_value_in_it() -> None:
    compares = {name for name, feature in CATALOGUE.items() if feature.compares}
    assert {"events_change_4w", "arr_change_180d", "seat_use", "nps_delta"} <= compares
    assert not {"events_per_user_28d", "open_tickets", "comment_mood_365d", "breadth_28d", "auto_renew"} & compares
