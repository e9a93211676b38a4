"""The feature table by example: small tables, and what each account then looks like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from ibis import _

from features.catalogue import CATALOGUE
from features.feature import Feature, Healthy, Reason, Unit
from features.measure import (
    Measure,
    between,
    change,
    count,
    distinct,
    either,
    highest,
    largest,
    last,
    latest,
    mean,
    of,
    only_if,
    peak,
    root,
    slope,
    smallest,
    surprise,
    total,
)
from features.snapshot import blind_features, blind_on, coverage, heard_of, snapshot
from tests.worlds import AS_OF, day, opened, spine_of, world

Seen = dict[str, dict[str, float | str | None]]


def looks(folder: Path, features: Mapping[str, Feature], ids: str = "a b", **tables: str) -> Seen:
    """The values of `features` on `AS_OF`, by account; unknown is None."""
    warehouse = opened(world(**tables), folder)
    rows = snapshot(warehouse, spine_of(ids.split(), AS_OF), features)
    warehouse.close()
    assert list(rows.columns) == ["account_id", "as_of", *features]
    named = rows.set_index("account_id")[list(features)].astype(object)
    return {str(account): dict(row.where(row.notna(), None)) for account, row in named.iterrows()}


def pick(*names: str) -> dict[str, Feature]:
    return {name: CATALOGUE[name] for name in names}


def closure(*names: str) -> dict[str, Feature]:
    """The features and those that they are made of."""
    wanted = list(names)
    for name in wanted:
        wanted += [one for one in CATALOGUE if f"({one}" in str(CATALOGUE[name].measure) and one not in wanted]
        wanted += [one for one in CATALOGUE if f" {one})" in str(CATALOGUE[name].measure) and one not in wanted]
    return pick(*wanted)


def test_usage_is_counted_by_window_and_against_the_account_s_own_past(tmp_path: Path) -> None:
    usage = """account_id | event_at  | user_id | feature | team  | quantity
               a          | -1d 23:00 | u1      | export  | north | 4
               a          | -7d       | u2      | export  | north | 2
               a          | -8d       | u3      | share   | south |
               a          | -28d      | u4      | share   |       | 5
               a          | -29d      | u5      | import  | north | 6
               a          | -112d     | u6      | old     | north | 30
               a          | -113d     | u7      | older   | north | 99
               b          | -200d     | u1      | export  | north | 1"""
    names = closure("active_users_change_8w", "events_change_16w", "active_users_7d", "active_days_28d", "new_teams")
    names |= pick("teams_28d", "days_since_use", "features_28d", "features_84d_before", "usage_rows_28d")
    seen = looks(tmp_path, names, usage=usage, ids="a b none")
    assert seen["a"]["active_users_7d"] == 2
    assert seen["a"]["active_users_28d"] == 4
    assert seen["a"]["active_users_28d_before"] == 1
    assert seen["a"]["active_users_change_8w"] == 3
    assert seen["a"]["events_28d"] == 4 + 2 + 1 + 5
    assert seen["a"]["events_84d_before"] == (6 + 30) / 3
    assert seen["a"]["events_change_16w"] == 0
    assert seen["a"]["active_days_28d"] == 4
    assert seen["a"]["days_since_use"] == 1
    assert (seen["a"]["features_28d"], seen["a"]["features_84d_before"]) == (2, 2)
    assert (seen["a"]["teams_28d"], seen["a"]["new_teams"]) == (2, 1)
    assert (seen["b"]["events_28d"], seen["b"]["days_since_use"], seen["b"]["usage_rows_28d"]) == (0, 200, 0)
    assert seen["b"]["active_users_change_8w"] is None
    assert (seen["none"]["events_28d"], seen["none"]["days_since_use"]) == (0, None)


def test_use_of_critical_features_counts_only_what_was_known_to_be_critical(tmp_path: Path) -> None:
    usage = "account_id | event_at | feature | quantity\n" + "\n".join(
        f"{account} | -3d | {feature} | {n}" for account in "ab" for feature, n in (("core", 5), ("extra", 7))
    )
    entitlements = """account_id | feature | critical | known_at
                      a          | core    | yes      | -90d
                      a          | extra   | no       | -90d
                      b          | extra   | yes      | +5d"""
    seen = looks(tmp_path, pick("critical_events_28d"), usage=usage, entitlements=entitlements)
    assert (seen["a"]["critical_events_28d"], seen["b"]["critical_events_28d"]) == (5, 0)


def test_use_of_critical_features_is_unknown_before_anything_was_known_of_entitlements(tmp_path: Path) -> None:
    usage = "account_id | event_at | feature\n a | -3d | core"
    later = "account_id | feature | critical | known_at\n a | core | yes | +5d"
    wanted = pick("critical_events_28d")
    assert looks(tmp_path / "later", wanted, "a", usage=usage, entitlements=later) == looks(
        tmp_path / "never", wanted, "a", usage=usage
    )


def test_onboarding_is_what_is_reached_open_and_overdue(tmp_path: Path) -> None:
    milestones = """account_id | milestone | known_at | due_on | reached_at
                    a          | invite    | -90d     | -80d   | -70d
                    a          | import    | -90d     | -60d   | -10d
                    a          | connect   | -90d     | -1d    |
                    a          | launch    | -90d     | +20d   | +3d"""
    names: tuple[str, ...] = (
        "milestones_open",
        "milestones_done",
        "setup_complete",
        "milestones_overdue",
        "days_since_milestone",
    )
    seen = looks(tmp_path, pick(*names), milestones=milestones)
    assert [seen["a"][name] for name in names] == [2, 2, 0.5, 1, 10]
    assert [seen["b"][name] for name in names] == [None] * 5


def test_tickets_are_counted_open_until_they_are_known_to_be_solved(tmp_path: Path) -> None:
    tickets = """ticket_id | account_id | event_at | severity | resolved_at | escalated_at | rating | rated_at
                 1         | a          | -3d      | urgent   | +1d         |              |        |
                 2         | a          | -20d     | low      | -10d        | -15d         | 2      | -9d
                 3         | a          | -40d     | high     |             |              | 5      | +1d
                 4         | a          | -100d    | high     | -98d        |              | 4      | -97d"""
    names: tuple[str, ...] = (
        "tickets_28d",
        "severe_tickets_90d",
        "open_tickets",
        "oldest_open_ticket",
        "days_to_resolve_90d",
    )
    names += ("escalated_90d", "last_ticket_rating", "tickets_90d", "tickets_90d_before", "tickets_change_90d")
    seen = looks(tmp_path, closure(*names), tickets=tickets)
    assert [seen["a"][name] for name in names] == [2, 2, 2, 40, 10, 1, 2, 3, 1, 2]
    assert [seen["b"][name] for name in names] == [0, 0, 0, None, None, 0, None, 0, 0, None]


def test_surveys_tell_the_last_answer_the_year_s_mean_and_silence(tmp_path: Path) -> None:
    surveys = """survey_id | account_id | event_at | kind  | score | answered_at
                 1         | a          | -200d    | nps   | 9     | -199d
                 2         | a          | -30d     | nps   | 5     | -29d
                 3         | a          | -10d     | nps   | 1     | +0d
                 4         | a          | -20d     | csat  |       |
                 5         | a          | -15d     | pulse | 2     | -15d"""
    names: tuple[str, ...] = (
        "nps_last",
        "nps_mean_365d",
        "nps_delta",
        "pulse_last",
        "surveys_unanswered_180d",
        "survey_response_180d",
    )
    names += ("surveys_answered_180d",)
    seen = looks(tmp_path, pick(*names), surveys=surveys)
    assert [seen["a"][name] for name in names] == [5, 7, -2, 2, 1, 0.5, 1]
    assert [seen["b"][name] for name in names] == [None, None, None, None, 0, None, 0]


def test_people_count_while_they_are_there_and_touchpoints_by_their_answer(tmp_path: Path) -> None:
    contacts = """contact_id | account_id | event_at | role           | left_at
                  1          | a          | -300d    | champion       | -180d
                  2          | a          | -300d    | sponsor        | -181d
                  3          | a          | -100d    | champion       |
                  4          | a          | -100d    | user           | +9d"""
    touchpoints = """touchpoint_id | account_id | event_at | kind     | contact_id | attended | two_way
                     1             | a          | -5d      | email    | 1          |          | no
                     2             | a          | -50d     | call     | 3          |          | yes
                     3             | a          | -60d     | qbr      | 3          | no       |
                     4             | a          | -70d     | webinar  | 4          | yes      |
                     5             | a          | -80d     | referral |            |          |"""
    names: tuple[str, ...] = (
        "contacts_here",
        "champions_here",
        "sponsors_here",
        "leads_left_180d",
        "leads_joined_180d",
    )
    names += ("roles_covered", "days_since_two_way", "two_way_90d", "people_met_180d", "reviews_missed_365d")
    names += ("advocacy_365d", "touchpoints_90d", "attendance_180d", "invitations_180d")
    seen = looks(tmp_path, pick(*names), contacts=contacts, touchpoints=touchpoints)
    assert [seen["a"][name] for name in names] == [2, 1, 0, 1, 1, 2, 50, 1, 2, 1, 1, 5, 0.5, 2]


def test_terms_tell_price_seats_and_time_until_renewal(tmp_path: Path) -> None:
    header = (
        "subscription_id | account_id | known_at | starts_on | ends_on | arr | seats | plan | auto_renew | ended_on"
    )
    terms = f"""{header}
                1 | a | -400d | -365d | -20d  | 100 | 10 | basic | no  |
                2 | a | -30d  | -20d  | +345d | 150 | 8  | pro   | yes |
                3 | a | -5d   | +345d |       | 200 | 8  | pro   | yes |
                4 | b | -300d | -300d | -40d  | 70  | 7  | basic | no  |"""
    names = closure("arr_change_180d", "seats_change_180d", "arr_per_seat", "plan", "days_to_renewal", "term_days")
    names |= pick("renewal_signed", "tenure_days", "days_since_change", "terms_so_far", "auto_renew", "products")
    seen = looks(tmp_path, names, subscriptions=terms)
    a, b = seen["a"], seen["b"]
    assert (a["arr"], a["arr_180d_before"], a["arr_change_180d"]) == (150, 100, 0.5)
    assert (a["seats"], a["seats_180d_before"]) == (8, 10)
    assert a["seats_change_180d"] == pytest.approx(-0.2)
    assert (a["arr_per_seat"], a["plan"], a["auto_renew"], a["products"]) == (18.75, "pro", 1, 1)
    assert (a["days_to_renewal"], a["term_days"], a["renewal_signed"]) == (345, 365, 1)
    assert (a["tenure_days"], a["days_since_change"], a["terms_so_far"]) == (365, 20, 2)
    assert (b["arr"], b["plan"], b["days_to_renewal"], b["renewal_signed"], b["auto_renew"]) == (0, None, None, 0, None)


def test_bills_are_late_a_week_after_they_fell_due(tmp_path: Path) -> None:
    invoices = """invoice_id | account_id | event_at | due_on | kind         | paid_at | failed_at
                  1          | a          | -60d     | -30d   | subscription | -23d    |
                  2          | a          | -60d     | -30d   | subscription | -22d    | -25d
                  3          | a          | -60d     | -30d   | overage      | +2d     |
                  4          | a          | -60d     | -50d   | credit       |         |
                  5          | a          | -9d      | +21d   | subscription |         |"""
    names: tuple[str, ...] = ("late_invoices_180d", "failed_payments_180d", "unpaid_days", "overages_180d")
    seen = looks(tmp_path, pick(*names), invoices=invoices)
    assert [seen["a"][name] for name in names] == [2, 1, 30, 1]
    assert [seen["b"][name] for name in names] == [0, 0, None, 0]


def test_growth_is_entitlement_interest_open_talks_and_goals(tmp_path: Path) -> None:
    tables = {
        "entitlements": "account_id | feature | quota\n a | x | 100\n a | y |\n a | z | 50",
        "signals": "signal_id | account_id | event_at | kind\n 1 | a | -3d | upsell_interest\n 2 | a | -99d | budget",
        "opportunities": """opportunity_id | account_id | event_at | kind      | closed_at
                            1              | a          | -30d     | expansion | +2d
                            2              | a          | -30d     | expansion | -2d
                            3              | a          | -30d     | renewal   |""",
        "goals": """goal_id | account_id | event_at | progress | measured_at
                    g       | a          | -9d      | 0.5      | -1d
                    h       | a          | -9d      | 1        | +0d""",
    }
    names: tuple[str, ...] = ("entitled_features", "quota_28d", "upsell_signals_28d", "budget_signals_180d")
    names += ("expansion_talks_open", "goals_progress")
    seen = looks(tmp_path, pick(*names), **tables)
    assert [seen["a"][name] for name in names] == [3, 150, 1, 1, 1, 0.5]
    assert [seen["b"][name] for name in names] == [None, None, 0, 0, 0, None]


def test_the_newest_row_known_says_who_an_account_is(tmp_path: Path) -> None:
    accounts = """account_id | known_at | segment    | industry | strategic | employees
                  a          | -90d     | smb        | retail   | no        | 10
                  a          | -9d      | mid_market |          | yes       | 90
                  a          | +0d      | enterprise | banking  | no        | 900
                  b          | -90d     |            |          |           |"""
    names: tuple[str, ...] = ("segment", "industry", "strategic", "employees")
    terms = "subscription_id | account_id | known_at | starts_on | arr\n 1 | a | -9d | -9d | 1"
    seen = looks(tmp_path, pick(*names), accounts=accounts, subscriptions=terms)
    assert [seen["a"][name] for name in names] == ["mid_market", None, 1, 90]
    assert [seen["b"][name] for name in names] == [None] * 4


def made(**measures: Measure) -> dict[str, Feature]:
    """Features of usage, one a measure, unknown where there is nothing."""
    return {
        name: Feature(name, "usage", measure, name, f"{{{name}}}", Unit.COUNT, Healthy.NONE, Reason.CONTEXT, None)
        for name, measure in measures.items()
    }


def test_every_kind_of_measure_computes_what_it_says(tmp_path: Path) -> None:
    usage = """account_id | event_at | user_id | quantity
               a          | -1d      | u1      | 4
               a          | -10d     | u1      | 2
               a          | -10d     | u2      | 9
               a          | -40d     |         | 1
               b          | -40d     |         | 3"""
    features = made(
        rows=count(),
        rows_window=count(last(10)),
        rows_between=count(between(1, 40)),
        rows_where=count(where=_.quantity > 2),
        total_window=total(_.quantity, last(10)),
        mean_where=mean(_.quantity, where=_.quantity < 9),
        smallest=smallest(_.quantity),
        smallest_window=smallest(_.quantity, between(9, 10)),
        largest_window=largest(_.quantity, last(9)),
        different=distinct(_.user_id),
        different_window=distinct(_.user_id, between(5, 20)),
        different_where=distinct(_.user_id, where=_.quantity > 4),
        newest=latest(_.quantity),
        newest_where=latest(_.quantity, where=_.event_age > 5),
        plus=of("rows") + 1,
        minus=of("rows") - of("rows_window"),
        times=of("rows") * of("rows"),
        by=of("rows_window") / of("rows"),
        by_nothing=of("rows") / of("rows_window"),
        less=of("rows_window") < of("rows"),
        relative=change(of("rows"), of("rows_window")),
        fallback=either(of("newest_where"), of("rows")),
        fallen_back=either(of("by_nothing"), of("rows") * 0 - 7),
    )
    seen = looks(tmp_path, features, usage=usage)
    expected_a = [4, 3, 3, 2, 15, pytest.approx(7 / 3), 1, 2, 4, 2, 2, 1, 4, 9, 5, 1, 16, 0.75, pytest.approx(4 / 3), 1]
    assert list(seen["a"].values()) == [*expected_a, pytest.approx(1 / 3), 9, pytest.approx(4 / 3)]
    b = seen["b"]
    assert (b["rows"], b["rows_window"], b["total_window"], b["mean_where"]) == (1, 0, 0, 3)
    assert (b["smallest_window"], b["largest_window"], b["different"], b["newest"]) == (None, None, 0, 3)
    assert (b["by"], b["by_nothing"], b["relative"], b["fallen_back"]) == (0, None, None, -7)


def test_a_peak_is_the_largest_sum_of_one_value(tmp_path: Path) -> None:
    usage = """account_id | event_at | user_id | team  | quantity
               a          | -1d      | u1      | north | 4
               a          | -2d      | u2      | north | 3
               a          | -9d      | u2      | south | 3
               a          | -3d      |         | south | 90
               b          | -3d      |         | south | 8"""
    features = made(
        person=peak(_.user_id, _.quantity),
        person_window=peak(_.user_id, _.quantity, last(7)),
        person_where=peak(_.user_id, _.quantity, where=_.team == "south"),
        person_none=peak(_.user_id, _.quantity, last(7), where=_.team == "west"),
        week=peak((_.event_age - 1) // 7, _.quantity),
    )
    seen = looks(tmp_path, features, usage=usage)
    assert list(seen["a"].values()) == [6, 4, 3, None, 97]
    assert list(seen["b"].values()) == [None, None, None, None, 8]


def test_roots_and_conditions_are_null_where_they_say_nothing(tmp_path: Path) -> None:
    usage = "account_id | event_at | quantity\n a | -1d | 4\n a | -9d | 5\n b | -9d | 1"
    rows = count()
    features = made(
        two=root(total(_.quantity, last(7))),
        negative=root(rows * -1),
        more=rows > 1,
        held=only_if(rows > 1, rows * 7),
        instead=either(smallest(_.quantity, last(7)), -3),
        most=highest([largest(_.quantity, last(7)), rows * 2, rows * -1]),
        none=highest([largest(_.quantity, last(7)), largest(_.quantity, between(2, 7))]),
    )
    seen = looks(tmp_path, features, usage=usage)
    assert list(seen["a"].values()) == [2, None, 1, 14, 4, 4, 4]
    assert list(seen["b"].values()) == [0, None, 0, None, -3, 2, None]


def test_a_trend_needs_use_and_a_surprise_needs_weeks_that_differ(tmp_path: Path) -> None:
    usage = """account_id | event_at | quantity
               a          | -7d      | 4
               a          | -8d      | 1
               a          | -15d     | 3
               b          | -1d      | 0.1
               b          | -8d      | 0.1
               b          | -15d     | 0.1
               c          | -99d     | 5"""
    features = made(slope=slope(_.quantity, weeks=3), surprise=surprise(_.quantity, weeks=2))
    seen = looks(tmp_path, features, usage=usage, ids="a b c")
    assert seen["a"] == {"slope": pytest.approx((4 - 3) / 2 / (8 / 3)), "surprise": pytest.approx((4 - 2) / 1)}
    assert seen["b"] == {"slope": pytest.approx(0), "surprise": None}
    assert seen["c"] == {"slope": None, "surprise": None}


def test_what_another_source_tells_is_unknown_without_that_source_or_its_columns(tmp_path: Path) -> None:
    tables = {
        "touchpoints": "touchpoint_id | account_id | event_at | contact_id | two_way\n 1 | a | -3d | p | yes",
        "contacts": "contact_id | account_id | event_at | role | left_at\n p | a | -9d | sponsor |",
    }
    warehouse = opened(world(**tables), tmp_path)
    blind = blind_features(warehouse)
    assert blind["contacts_dormant_180d"] == "contacts.met_age"  # nobody says who attended
    assert blind["critical_events_28d"] == "usage"
    assert blind["roles_met_180d"] == "touchpoints.attended"
    assert "surveys_unanswered_180d" in blind
    assert "days_since_two_way" not in blind
    assert blind_on(warehouse, day(10), pick("contacts_here")) == {"contacts_here"}
    warehouse.close()
    without_role = {**tables, "contacts": tables["contacts"].replace("role", "title")}
    warehouse = opened(world(**without_role), tmp_path / "without")
    assert blind_features(warehouse)["roles_met_180d"] == "touchpoints.attended, touchpoints.role"


def test_nothing_is_told_by_rows_that_were_not_known_yet(tmp_path: Path) -> None:
    """Contacts were known of, but not yet of this one: its role is unknown, so it is no sponsor that was met."""
    touchpoints = """touchpoint_id | account_id | event_at | contact_id | two_way | attended
                     1             | a          | -3d      | p          | yes     |
                     2             | b          | -3d      | q          | yes     |
                     3             | b          | -5d      | p          | yes     |"""
    contacts = """contact_id | account_id | event_at | known_at | role
                  p          | a          | -90d     |          | sponsor
                  q          | b          | -90d     | +0d      | sponsor"""
    seen = looks(tmp_path, pick("roles_met_180d"), touchpoints=touchpoints, contacts=contacts)
    assert [seen[one]["roles_met_180d"] for one in "ab"] == [1, 0]


def test_a_feature_that_nobody_can_have_is_unknown_for_all_and_says_what_is_missing(tmp_path: Path) -> None:
    tables = world(
        tickets="ticket_id | account_id | event_at | rating\n 1 | a | -3d | 5",
        surveys="survey_id | account_id | event_at | kind | score | comment\n 1 | a | -3d | nps | 3 | We may cancel",
    )
    warehouse = opened(tables, tmp_path)
    blind = blind_features(warehouse)
    assert blind["events_28d"] == "usage"
    assert blind["open_tickets"] == "tickets.resolved_at"
    assert blind["severe_tickets_90d"] == "tickets.severity"
    assert blind["security_mentions_180d"] == "tickets.text_security"
    assert blind["last_ticket_rating"] == "tickets.rated_at"
    assert blind["nps_last"] == "surveys.answered_at"
    assert blind["comment_mood_365d"] == "surveys.answered_at"
    assert not {"tickets_28d", "arr", "days_since_ticket"} & set(blind)
    wanted = pick("events_28d", "open_tickets", "tickets_28d")
    row = snapshot(warehouse, spine_of(["a"], AS_OF), wanted).iloc[0]
    assert row[["events_28d", "open_tickets"]].isna().all()
    assert row["tickets_28d"] == 1


def test_a_source_of_which_nothing_was_known_yet_is_unknown_not_zero(tmp_path: Path) -> None:
    warehouse = opened(world(tickets="ticket_id | account_id | event_at\n 1 | a | -3d\n 2 | b | -1d"), tmp_path)
    wanted = pick("tickets_28d")
    assert blind_on(warehouse, day(3), wanted) == {"tickets_28d"}
    rows = snapshot(warehouse, spine_of(["a", "b"], day(3), day(2), AS_OF), wanted)
    assert rows["tickets_28d"].fillna(-1).tolist() == [-1, -1, 1, 0, 1, 1]


def test_rows_are_sorted_by_date_and_account_whatever_the_spine_s_order(tmp_path: Path) -> None:
    warehouse = opened(world(signals="signal_id | account_id | event_at\n 1 | b | -9d\n 2 | a | -9d"), tmp_path)
    spine = spine_of(["b", "a"], AS_OF, day(5))
    told: list[tuple[float, str]] = []
    rows = snapshot(warehouse, spine, pick("arr", "plan"), progress=lambda share, words: told.append((share, words)))
    assert rows["account_id"].tolist() == ["a", "b", "a", "b"]
    assert rows["as_of"].tolist() == [pd.Timestamp(day(5))] * 2 + [pd.Timestamp(AS_OF)] * 2
    assert told == [(0.0, f"features of {day(5)}"), (0.5, f"features of {AS_OF}")]


def test_coverage_is_the_share_of_signal_families_of_which_anything_is_known(tmp_path: Path) -> None:
    warehouse = opened(world(tickets="ticket_id | account_id | event_at\n 1 | a | -3d"), tmp_path)
    table = snapshot(warehouse, spine_of(["a"], AS_OF))
    assert list(table.columns) == ["account_id", "as_of", *CATALOGUE]
    assert coverage(table).tolist() == [pytest.approx(2 / 7)]  # support and commercial


MEANS_MEET = (
    ".0034 .7297 .4363 .3748 .9685 .1674 .52 .0501 .0365 .0416 .887 .015 .6245 .3548 .6915 .0475",
    ".6626 .8417 .5633 .9466 .5788 .7522 .4411 .8978 .9976 .0093 .6286 .8396 .2117 .8498 .9197 .3366",
)
"""Numbers whose mean ends in a 5 behind the last digit kept: floats added forwards fall on one side, backwards on the
other."""


@pytest.mark.parametrize("numbers", MEANS_MEET)
def test_which_way_a_mean_is_rounded_does_not_hang_on_the_order_of_rows(tmp_path: Path, numbers: str) -> None:
    found = []
    for way in (1, -1):
        rows = [f"  {one} | a | -9d | 0{value} | -9d" for one, value in enumerate(numbers.split()[::way])]
        goals = "\n".join(["  goal_id | account_id | event_at | progress | measured_at", *rows])
        found.append(looks(tmp_path / str(way), pick("goals_progress"), "a", goals=goals)["a"]["goals_progress"])
    assert found[0] == found[1]


def test_what_falls_back_on_a_number_does_not_make_an_account_heard_of(tmp_path: Path) -> None:
    """None of the features paid for was used: so says the breadth of use of one who never sent a row, as well."""
    tables = world(
        entitlements="account_id | feature | quota | known_at\n a | core | 9 | -90d\n b | core | 9 | -90d",
        usage="account_id | event_at | feature | quantity\n b | -3d | core | 5",
    )
    warehouse = opened(tables, tmp_path)
    table = snapshot(warehouse, spine_of(["a", "b"], AS_OF))
    warehouse.close()
    assert table["breadth_28d"].tolist() == [0, 1]
    assert heard_of(table, "usage").tolist() == [False, True]
