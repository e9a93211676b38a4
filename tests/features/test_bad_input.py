"""What a careless export holds neither breaks the pipeline nor is passed over: every row counts or is accounted for.

Bad cells, keys, files and mappings one by one are the matter of test_warehouse; here a whole path is walked with them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.cohort import paying
from features.feature import Unit
from features.revenue import movement, revenue, stops, terms
from features.snapshot import blind_features, snapshot
from features.sources import MOST_COUNTED, SOURCES
from features.warehouse import Warehouse, WarehouseError, open_warehouse
from serving.playbooks import load_playbooks
from serving.scoring import score
from serving.tiers import load_tiers
from tests.conftest import LOADED_ON, UNTIL, Company
from tests.worlds import AS_OF, World, day, opened, spine_of, table, world, written
from training.audit import audit
from training.outcomes import label
from training.registry import champion


def values(warehouse: Warehouse, name: str, *accounts: str, as_of: date = AS_OF) -> list[float | None]:
    """One feature of some accounts on a date."""
    rows = snapshot(warehouse, spine_of(accounts, as_of)).set_index("account_id")[name]
    return [None if pd.isna(rows[account]) else float(rows[account]) for account in accounts]


def rules(warehouse: Warehouse) -> list[tuple[str, str]]:
    return sorted((row["column"], row["rule"]) for row in warehouse.quarantine.to_dict("records"))


# Rows twice, late, early, out of order


def test_a_delivery_sent_twice_counts_once_where_rows_have_a_key(tmp_path: Path) -> None:
    once = table("ticket_id | account_id | event_at\n t1 | a | -9d\n t2 | a | -5d\n t3 | b | -5d")
    tables = world(tickets="ticket_id | account_id | event_at\n t1 | a | -9d\n t3 | b | -5d")
    tables["tickets"] = pd.concat([once, once])
    warehouse = opened(tables, tmp_path, bad_share=0.5)
    assert values(warehouse, "tickets_28d", "a", "b") == [2, 1]
    assert rules(warehouse) == [("ticket_id", "duplicate key")] * 3


def test_two_events_alike_are_two_events(tmp_path: Path) -> None:
    """Usage has no key: a click and another in the same second are told apart by nothing."""
    warehouse = opened(world(usage="account_id | event_at | feature\n a | -3d | save\n a | -3d | save"), tmp_path)
    assert values(warehouse, "events_28d", "a") == [2]
    assert warehouse.quarantine.empty


def test_a_row_that_arrives_late_belongs_to_its_day_but_is_not_seen_before_it_came(tmp_path: Path) -> None:
    usage = "account_id | event_at | known_at | quantity\n a | -20d | -20d | 3\n a | -20d | -2d | 4"
    warehouse = opened(world(usage=usage), tmp_path)
    assert values(warehouse, "events_28d", "a", as_of=day(2)) == [3]
    assert values(warehouse, "events_28d", "a", as_of=day(1)) == [7]
    assert values(warehouse, "events_7d", "a", as_of=day(1)) == [0]


def test_a_row_from_the_future_is_quarantined_and_moves_nothing(tmp_path: Path) -> None:
    usage = "account_id | event_at | quantity\n a | -3d | 5\n a | +1d | 900\n a | +9000d | 900"
    warehouse = opened(world(usage=usage), tmp_path, loaded_on=AS_OF, bad_share=0.7)
    assert values(warehouse, "events_28d", "a") == [5]
    assert rules(warehouse) == [("known_at", "in the future at load time")] * 2
    assert warehouse.last_day == day(3)


def test_the_order_of_rows_in_a_file_is_nothing(tmp_path: Path) -> None:
    ages = np.random.default_rng(0).permutation(300) + 1
    usage = pd.DataFrame({"account_id": "a", "event_at": [str(day(int(age))) for age in ages], "user_id": ages % 7})
    seen = []
    for name, rows in (("mixed", usage), ("sorted", usage.sort_values("event_at")), ("turned", usage.iloc[::-1])):
        warehouse = opened(world(goals="goal_id | account_id | event_at\n g | a | -9d") | {"usage": rows},
                           tmp_path / name)  # fmt: skip
        seen.append(snapshot(warehouse, spine_of(["a"], AS_OF)))
    pd.testing.assert_frame_equal(seen[0], seen[1], check_exact=True)
    pd.testing.assert_frame_equal(seen[0], seen[2], check_exact=True)


# Values learnt later

TERM = """subscription_id | account_id | known_at | starts_on | arr | ended_on | ended_known_at
          s               | a          | -90d     | -90d      | 100 |{end}     | -20d
          t               | b          | -90d     | -90d      | 100 |          |"""


@pytest.mark.parametrize(
    ("name", "column", "told", "good"),
    [
        ("tickets", "rating", "ticket_id | account_id | event_at | rating | rated_at", 4),
        ("goals", "progress", "goal_id | account_id | event_at | progress | measured_at", 0),
    ],
)
def test_a_faulty_value_learnt_later_takes_itself_out_and_leaves_its_row(
    tmp_path: Path, name: str, column: str, told: str, good: float
) -> None:
    tables = world(**{name: f"{told}\n t | a | -9d | 7 | -3d\n u | a | -9d | {good} | -4d"})
    warehouse = opened(tables, tmp_path, bad_share=0.5)
    rows = warehouse.engine.frame(warehouse.tables[name].order_by(f"{name[:-1]}_id"))
    assert rows[column].fillna(-1).tolist() == [-1, good]
    assert set(rows.columns) == {*tables[name].columns, "known_at"}
    (fault,) = warehouse.quarantine.to_dict("records")
    rule = f"above {SOURCES[name].column(column).high:g}"
    assert fault == {"table": name, "key": "t", "column": column, "rule": rule, "value": "7"}
    assert (warehouse.loaded[name].rows, warehouse.loaded[name].bad) == (2, 1)
    with pytest.raises(WarehouseError, match=f"1 of 2 rows of {name} are bad"):
        opened(tables, tmp_path / "strict", bad_share=0.49)


def test_a_rating_that_cannot_be_moves_no_count_of_tickets_before_nor_after_it_is_given(tmp_path: Path) -> None:
    tickets = "ticket_id | account_id | event_at | rating | rated_at\n t | a | -9d | 7 | +3d"
    warehouse = opened(world(tickets=tickets), tmp_path, bad_share=1)
    for as_of in (AS_OF, day(-5)):
        assert values(warehouse, "tickets_28d", "a", as_of=as_of) == [1]
        assert values(warehouse, "last_ticket_rating", "a", as_of=as_of) == [None]
    assert rules(warehouse) == [("rating", "above 5")]


@pytest.mark.parametrize("score", [-1, 10.5, 95])
def test_an_answer_to_nps_beyond_its_scale_is_no_answer_that_can_be_read(tmp_path: Path, score: float) -> None:
    """It takes itself out and leaves the question answered. Scales of CSAT and CES differ between companies."""
    surveys = "survey_id | account_id | event_at | kind | score | answered_at\n"
    surveys += f"q | a | -9d | nps | {score} | -8d\n r | b | -9d | nps | 0 | -8d\n s | c | -9d | nps | 10 | -8d\n"
    surveys += f"t | a | -9d | csat | {score} | -8d\n u | a | -9d | ces | {score} | -8d\n v | a | -9d | | {score} | -8d"
    warehouse = opened(world(surveys=surveys), tmp_path, bad_share=0.2)
    assert values(warehouse, "nps_last", "a", "b", "c") == [None, 0, 10]
    assert values(warehouse, "csat_last", "a") == [score]
    assert values(warehouse, "surveys_unanswered_180d", "a") == [0]
    assert warehouse.quarantine.iloc[0].to_dict() == {
        "table": "surveys", "key": "q", "column": "score", "rule": "outside 0 to 10 for nps", "value": str(score)
    }  # fmt: skip
    assert len(warehouse.quarantine) == 1


@pytest.mark.parametrize("rated_at", ["", "-9d", "-10d", "some day"])
def test_a_faulty_value_that_came_with_its_row_or_nobody_knows_when_takes_the_row(
    tmp_path: Path, rated_at: str
) -> None:
    tickets = f"ticket_id | account_id | event_at | rating | rated_at\n t | a | -9d | 7 | {rated_at}\n u | a | -9d | |"
    warehouse = opened(world(tickets=tickets), tmp_path, bad_share=0.5)
    assert values(warehouse, "tickets_28d", "a") == [1]
    assert len(warehouse.quarantine) == 1


def test_a_faulty_row_is_told_of_before_a_faulty_value_and_goes(tmp_path: Path) -> None:
    tickets = "ticket_id | account_id | event_at | rating | rated_at | text\n t | a | -9d | 7 | -3d | x\n"
    tickets += "u | ghost | -9d | 7 | -3d | x\n t | a | -8d | 8 | -3d | y"
    tables = world(tickets=tickets)
    for name in ("accounts", "subscriptions"):
        tables[name] = tables[name][tables[name]["account_id"] != "ghost"]
    warehouse = opened(tables, tmp_path, bad_share=1)
    assert warehouse.engine.frame(warehouse.tables["tickets"])["text"].tolist() == ["x"]
    assert rules(warehouse) == [
        ("account_id", "unknown account"),
        ("rating", "above 5"),
        ("ticket_id", "duplicate key"),
    ]


@pytest.mark.parametrize(
    ("end", "rule"), [("-100d", "before starts_on"), ("soon", "not a date"), ("2026-02-30", "not a date")]
)
def test_a_term_with_a_faulty_end_pays_until_that_is_known_and_on_no_day_afterwards(
    tmp_path: Path, end: str, rule: str
) -> None:
    warehouse = opened(world(subscriptions=TERM.format(end=end)), tmp_path, bad_share=0.5)
    assert rules(warehouse) == [("ended_on", rule)]
    for age, arr in ((80, 100), (20, 100), (19, 0), (1, 0)):
        assert values(warehouse, "arr", "a", "b", as_of=day(age)) == [arr, 100]
        assert (paying(warehouse, day(age))["account_id"] == "a").sum() == (arr > 0)
    for until, gone, churned in ((day(20), False, False), (AS_OF, True, None)):
        row = label(warehouse, spine_of(["a"], day(80)), 5, until).iloc[0]
        assert (row["matured"], row["gone"]) == (True, gone)
        assert row["churn"] is pd.NA if churned is None else row["churn"] == churned
        assert "a" not in stops(terms(warehouse, until)).to_pandas()["account_id"].tolist()
    (moved,) = (row for row in movement(warehouse, AS_OF, 60).to_dict("records") if row["account_id"] == "a")
    assert (moved["start"], moved["end"]) == (0, 0)
    assert pd.isna(moved["churned_age"])


# Numbers


def test_negative_numbers_are_quarantined_where_they_cannot_be_and_kept_where_they_can(tmp_path: Path) -> None:
    tables = world(
        usage="account_id | event_at | quantity\n a | -3d | 5\n a | -3d | -5",
        invoices="invoice_id | account_id | event_at | amount | kind\n i | a | -9d | -100 | credit",
    )
    warehouse = opened(tables, tmp_path, bad_share=0.5)
    assert values(warehouse, "events_28d", "a") == [5]
    assert rules(warehouse) == [("quantity", "below 0")]


def test_a_trillion_a_day_may_be_bytes_but_more_than_a_quadrillion_is_no_count(tmp_path: Path) -> None:
    usage = "account_id | event_at | quantity\n a | -3d | 1000000000000\n a | -3d | 1e15\n a | -3d | 2e15\n b | -3d | 7"
    warehouse = opened(world(usage=usage), tmp_path, bad_share=0.5)
    assert MOST_COUNTED == 1e15
    assert values(warehouse, "events_28d", "a", "b") == [1e12 + 1e15, 7]
    assert rules(warehouse) == [("quantity", "above 1e+15")]


@pytest.mark.parametrize("quantity", ["1e400", "inf", "-inf", "12 thousand", "0x1F", "1,000"])
def test_what_is_no_number_is_quarantined(tmp_path: Path, quantity: str) -> None:
    usage = f"account_id | event_at | quantity\n a | -3d | 5\n a | -3d | {quantity}"
    warehouse = opened(world(usage=usage), tmp_path, bad_share=0.5)
    assert values(warehouse, "events_28d", "a") == [5]
    assert rules(warehouse) == [("quantity", "not a number")]


def test_not_a_number_is_how_frames_write_nothing(tmp_path: Path) -> None:
    """A bundle without a count counts once."""
    warehouse = opened(world(usage="account_id | event_at | quantity\n a | -3d | 5\n a | -3d | nan"), tmp_path)
    assert values(warehouse, "events_28d", "a") == [6]
    assert warehouse.quarantine.empty


def test_absurd_rows_of_one_account_leave_every_number_finite_and_the_others_alone(tmp_path: Path) -> None:
    calm = "b | -3d | 7 | u1\n b | -40d | 5 | u2"
    terms = "subscription_id | account_id | known_at | starts_on | arr | seats\n"
    terms += "s | a | -400d | -400d | 1e14 | 1e14\n t | b | -400d | -400d | 1200 | 5"
    header = "account_id | event_at | quantity | user_id\n"
    wild = opened(world(subscriptions=terms, usage=f"{header} a | -3d | 1e15 | u\n a | -80d | 0 | u\n {calm}"),
                  tmp_path / "wild")  # fmt: skip
    tame = opened(world(subscriptions=terms, usage=f"{header} a | -3d | 1 | u\n a | -80d | 0 | u\n {calm}"),
                  tmp_path / "tame")  # fmt: skip
    absurd, sane = (snapshot(one, spine_of(["a", "b"], AS_OF)).set_index("account_id") for one in (wild, tame))
    numbers = [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY]
    assert np.isfinite(absurd[numbers].fillna(0).to_numpy(dtype=float)).all()
    pd.testing.assert_frame_equal(absurd.loc[["b"]], sane.loc[["b"]])


# Ids, zones, calendars


def test_strange_ids_keep_their_rows_through_the_whole_snapshot(tmp_path: Path) -> None:
    strange = ["o'neill", 'the "best", ltd', "🚀", "a\nb", "'; DROP TABLE usage; --", "007", "%s {x} \\", "null"]
    tables = {
        "accounts": pd.DataFrame({"account_id": strange, "known_at": str(day(400))}),
        "subscriptions": pd.DataFrame(
            {"subscription_id": strange, "account_id": strange, "known_at": str(day(400)), "starts_on": str(day(400)),
             "arr": "1200"}
        ),
        "usage": pd.DataFrame({"account_id": strange, "event_at": str(day(3)), "quantity": range(1, 9),
                               "feature": strange, "user_id": strange}),
    }  # fmt: skip
    for form in ("csv", "parquet"):
        warehouse = open_warehouse(str(written(tables, tmp_path / form, form)), loaded_on=AS_OF)
        assert values(warehouse, "events_28d", *strange) == list(range(1, 9))
        assert warehouse.quarantine.empty


def test_one_day_in_two_zones_is_two_days_of_utc(tmp_path: Path) -> None:
    usage = "account_id | event_at\n a | 2026-05-31T23:30:00-02:00\n b | 2026-06-01T00:30:00+02:00"
    warehouse = opened(world(usage=usage), tmp_path)
    assert values(warehouse, "events_28d", "a", "b") == [0, 1]
    assert values(warehouse, "events_28d", "a", as_of=date(2026, 6, 2)) == [1]


def test_an_hour_that_a_clock_change_skips_or_repeats_is_read_by_its_offset(tmp_path: Path) -> None:
    usage = "account_id | event_at\n a | 2026-03-29T02:30:00+01:00\n a | 2026-10-25T02:30:00+02:00"
    usage += "\n a | 2026-10-25T02:30:00+01:00"
    warehouse = opened(world(usage=usage), tmp_path, loaded_on=date(2027, 1, 1))
    moments = warehouse.tables["usage"].to_pandas()["event_at"].sort_values()
    assert [str(moment) for moment in moments] == ["2026-03-29 01:30:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00"]


def test_the_leap_day_is_a_day(tmp_path: Path) -> None:
    tables = world(
        accounts="account_id | known_at\n a | 2023-01-01",
        subscriptions="subscription_id | account_id | known_at | starts_on | ends_on | arr\n"
        "s | a | 2023-01-01 | 2023-02-28 | 2024-02-29 | 100\n t | a | 2024-02-01 | 2024-02-29 | 2025-02-28 | 100",
        usage="account_id | event_at | quantity\n a | 2024-02-28 | 1\n a | 2024-02-29 | 10\n a | 2024-03-01 | 100",
    )
    warehouse = opened(tables, tmp_path)
    assert values(warehouse, "events_7d", "a", as_of=date(2024, 2, 29)) == [1]
    assert values(warehouse, "events_7d", "a", as_of=date(2024, 3, 1)) == [11]
    assert values(warehouse, "events_7d", "a", as_of=date(2024, 3, 7)) == [110]
    assert values(warehouse, "tenure_days", "a", as_of=date(2024, 3, 1)) == [367]
    assert values(warehouse, "arr", "a", as_of=date(2024, 2, 29)) == [100]
    found = revenue(movement(warehouse, date(2024, 3, 1), 366))
    assert (found.grr, found.renewals_due) == (1.0, 1)


def test_a_leap_day_of_a_year_that_has_none_is_no_date(tmp_path: Path) -> None:
    warehouse = opened(world(usage="account_id | event_at\n a | 2026-02-28\n a | 2026-02-29"), tmp_path, bad_share=0.5)
    assert rules(warehouse) == [("event_at", "not a date")]


# Types


def test_a_csv_column_of_mixed_types_loses_only_the_cells_that_fit_no_type(tmp_path: Path) -> None:
    """Whatever the first rows look like: each cell is read by what SOURCES says of its column."""
    rows = [f"a | -{1 + i % 20}d | {i}" for i in range(300)] + ["a | -3d | many", "a | -3d | 1.5", "a | -3d | 2e1"]
    tables = world(usage="account_id | event_at | quantity\n" + "\n".join(rows))
    warehouse = open_warehouse(str(written(tables, tmp_path, "csv")), loaded_on=AS_OF)
    assert values(warehouse, "events_28d", "a") == [sum(range(300)) + 21.5]
    assert rules(warehouse) == [("quantity", "not a number")]


def test_ids_that_look_like_numbers_stay_what_they_are_in_a_csv(tmp_path: Path) -> None:
    tables = world(
        usage="account_id | event_at | quantity\n 007 | -3d | 1\n 7 | -3d | 2\n 7.0 | -3d | 4\n 1e3 | -3d | 8"
    )
    warehouse = open_warehouse(str(written(tables, tmp_path, "csv")), loaded_on=AS_OF)
    assert values(warehouse, "events_28d", "007", "7", "7.0", "1e3") == [1, 2, 4, 8]


def test_files_of_one_source_with_other_types_are_read_alike(tmp_path: Path) -> None:
    """Yesterday's export wrote whole numbers, today's has decimals and another column order."""
    folder = written(world(goals="goal_id | account_id | event_at\n g | a | -9d"), tmp_path)
    (folder / "usage").mkdir()
    moment = pd.Timestamp(day(3))
    first = pd.DataFrame({"account_id": ["a"], "event_at": [moment], "quantity": [2]})
    first.to_parquet(folder / "usage" / "1.parquet", index=False)
    first[["quantity", "event_at", "account_id"]].assign(quantity=[0.5]).to_parquet(folder / "usage" / "2.parquet")
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert values(warehouse, "events_28d", "a") == [2.5]


# Sources that are empty, huge or gone


def test_with_every_optional_source_empty_all_that_they_tell_is_unknown(tmp_path: Path) -> None:
    tables = world(
        usage="account_id | event_at",
        tickets="ticket_id | account_id | event_at",
        surveys="survey_id | account_id | event_at",
        invoices="invoice_id | account_id | event_at",
        entitlements="account_id | feature",
    )
    tables |= {name: world()[name] for name in ("accounts", "subscriptions")}
    warehouse = opened(tables, tmp_path)
    blind = blind_features(warehouse)
    assert {CATALOGUE[name].source for name in CATALOGUE if name not in blind} == {"subscriptions"}
    row = snapshot(warehouse, spine_of(["a"], AS_OF)).iloc[0]
    assert row[list(blind)].isna().all()
    assert row["arr"] == 1200
    found = audit(warehouse, AS_OF)
    assert {"usage", "tickets", "surveys"} <= set(found.blind_tables)
    assert found.tables["usage"]["rows"] == 0
    assert found.tables["usage"]["days_since_newest"] is None


def test_an_account_with_very_many_rows_is_counted_whole_and_moves_no_other(tmp_path: Path) -> None:
    many = 300_000
    busy = pd.DataFrame(
        {
            "account_id": "busy",
            "event_at": pd.Timestamp(AS_OF) - pd.to_timedelta(np.arange(many) % (300 * 86_400) + 1, unit="s"),
            "user_id": np.arange(many) % 1_000,
            "quantity": 1.0,
        }
    )
    quiet = pd.DataFrame(
        {"account_id": "quiet", "event_at": pd.Timestamp(AS_OF) - pd.Timedelta(days=3), "user_id": 1, "quantity": 2.0},
        index=[0],
    )
    told: World = world(goals="goal_id | account_id | event_at\n g | busy | -9d\n h | quiet | -9d")
    warehouse = opened(told | {"usage": pd.concat([busy, quiet])}, tmp_path)
    assert values(warehouse, "events_28d", "busy", "quiet") == [many, 2]
    assert values(warehouse, "active_users_28d", "busy", "quiet") == [1_000, 1]


def test_a_source_that_vanishes_between_two_runs_is_unknown_and_said_to_be_blind(tmp_path: Path) -> None:
    """Also where the first run's state was kept: yesterday's rows do not speak for today."""
    folder = written(world(tickets="ticket_id | account_id | event_at\n t | a | -9d"), tmp_path / "tables")
    state = tmp_path / "state"
    first = open_warehouse(str(folder), loaded_on=AS_OF, state=state)
    assert values(first, "tickets_28d", "a") == [1]
    first.close()
    (folder / "tickets.parquet").unlink()
    again = open_warehouse(str(folder), loaded_on=AS_OF, state=state)
    assert values(again, "tickets_28d", "a") == [None]
    assert "tickets" in audit(again, AS_OF).blind_tables
    again.close()


def test_a_model_scores_without_a_source_that_it_learnt_from_and_says_what_it_cannot_see(
    company: Company, tmp_path: Path
) -> None:
    """Scores go on, from what is left; every brief names the families that have gone blind, and covers less."""
    kept = [file for file in company.folder.glob("*.parquet") if file.stem in ("accounts", "subscriptions", "usage")]
    warehouse = opened({file.stem: pd.read_parquet(file) for file in kept}, tmp_path, loaded_on=LOADED_ON)
    model = champion(company.home, "churn")
    assert model is not None
    before = {brief.account_id: brief for brief in company.scorings[UNTIL].briefs}
    after = score(warehouse, UNTIL, [model], load_playbooks(), load_tiers())
    assert {brief.account_id for brief in after.briefs} == set(before)
    for brief in after.briefs:
        assert 0 < brief.scores[0].probability < 1
        assert {"support", "sentiment"} <= set(brief.blind)
        assert brief.coverage < before[brief.account_id].coverage
    warehouse.close()
