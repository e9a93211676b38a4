"""The invented company keeps the source contract, tells nothing early, and stays hard to predict."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from features.simulation import SimulationError, Truth, simulate
from features.simulation.journal import CausalityError, Journal
from features.simulation.layout import LAYOUT
from features.sources import SOURCES

END = date(2026, 10, 1)
DAY = pd.Timedelta(days=1)
GRACE = 30 * DAY
CAUSES = {
    "value_gap",
    "champion_turnover",
    "product_issue",
    "budget_pressure",
    "compliance_security",
    "other",
}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return simulate(tmp_path_factory.mktemp("company") / "tables", accounts=650, months=24, seed=7, end=END)


def read(truth: Truth, table: str) -> pd.DataFrame:
    return pd.read_parquet(truth.directory / f"{table}.parquet")


def visible(truth: Truth, table: str, day: pd.Timestamp) -> pd.DataFrame:
    """The rows known before a day, without the values learnt later; nulls as None."""
    source, rows = SOURCES[table], read(truth, table)
    known = rows[["known_at", source.event or "known_at"]].max(axis=1) < day
    rows = rows[known].reset_index(drop=True)
    for column in sorted(source.columns, key=lambda column: column.learnt_at == column.name):
        if column.learnt_at:
            rows[column.name] = rows[column.name].where(rows[column.learnt_at] < day)
    return rows.astype(object).where(rows.notna(), None)


def lateness(rows: pd.DataFrame) -> pd.Series[float]:
    """Days from happening to being known."""
    late: pd.Series[float] = (rows["known_at"] - rows["event_at"]).dt.total_seconds() / 86400
    return late


def ends(terms: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """The day on which each term's ARR stops counting; a far day when never."""
    fixed = terms["ended_on"].fillna(terms["ends_on"].where(~terms["auto_renew"]))
    return fixed.fillna(pd.Timestamp(2200, 1, 1))


def arr_on(terms: pd.DataFrame, day: pd.Timestamp) -> pd.Series[float]:
    running = terms[(terms["starts_on"] <= day) & (day < ends(terms))]
    return running.groupby("account_id")["arr"].sum()


def eligible(terms: pd.DataFrame, as_of: pd.Timestamp) -> pd.Index[str]:
    """Accounts that pay on a day and have not given notice, as far as anybody could know on that day."""
    running = terms[(terms["known_at"] < as_of) & (terms["starts_on"] <= as_of) & (as_of < ends(terms))]
    accounts: pd.Index[str] = pd.Index(running.loc[~(running["notice_at"] < as_of), "account_id"].unique())
    return accounts


def years(truth: Truth) -> list[tuple[pd.Series[float], pd.Series[float]]]:
    """ARR per account at the start and at the end of each whole year; 0 where the account has gone."""
    terms = read(truth, "subscriptions")
    pairs = []
    for first in (truth.start + n * pd.DateOffset(years=1) for n in range(2)):
        before = arr_on(terms, pd.Timestamp(first))
        after = arr_on(terms, pd.Timestamp(first) + pd.DateOffset(years=1) - DAY).reindex(before.index)
        pairs.append((before, after.fillna(0.0)))
    return pairs


def test_only_what_its_own_people_do_is_not_invented() -> None:
    assert set(SOURCES) - set(LAYOUT) == {"actions"}


@pytest.mark.parametrize("table", LAYOUT)
def test_a_table_keeps_its_contract(truth: Truth, table: str) -> None:
    source, rows = SOURCES[table], read(truth, table)
    assert list(rows.columns) == [column.name for column in source.columns]
    assert len(rows) == truth.rows[table] > 0
    for column in source.columns:
        cells = rows[column.name].dropna()
        assert not column.required or len(cells) == len(rows), column.name
        assert not column.values or set(cells) <= set(column.values), column.name
        assert column.low is None or (cells.astype(float) >= column.low).all(), column.name
        assert column.high is None or (cells.astype(float) <= column.high).all(), column.name
    assert not source.key or not rows.duplicated(list(source.key)).any()
    for earlier, later in source.in_order:
        both = rows[[earlier, later]].dropna()
        assert (both[earlier] <= both[later]).all(), (earlier, later)
    assert rows["known_at"].notna().all()
    assert (rows["known_at"] < pd.Timestamp(truth.end)).all()
    assert set(rows["account_id"]) <= set(read(truth, "accounts")["account_id"])


def test_a_value_learnt_later_is_null_until_its_date(truth: Truth) -> None:
    for name in LAYOUT:
        rows = read(truth, name)
        for column in SOURCES[name].columns:
            if column.learnt_at and name != "opportunities":
                clock = rows[column.learnt_at]
                assert (clock.dropna() < pd.Timestamp(truth.end)).all(), (name, column.name)
                assert rows.loc[clock.isna(), column.name].isna().all(), (name, column.name)


def test_a_term_ends_after_it_starts_and_terms_never_overlap(truth: Truth) -> None:
    terms = read(truth, "subscriptions")
    assert (terms["starts_on"] < ends(terms)).all()
    terms = terms.assign(until=ends(terms)).sort_values(["account_id", "starts_on"])
    following = terms.groupby("account_id")["starts_on"].shift(-1)
    assert (terms["until"] <= following)[following.notna()].all()


def test_histories_begin_before_the_window(truth: Truth) -> None:
    opens = pd.Timestamp(truth.start)
    assert read(truth, "accounts")["account_id"].nunique() == 650
    for table in ("accounts", "subscriptions", "contacts"):
        assert (read(truth, table)["known_at"] < opens - 365 * DAY).any(), table
    assert (read(truth, "usage")["event_at"] >= opens).all()


def test_what_is_known_arrives_late(truth: Truth) -> None:
    late = {table: lateness(read(truth, table)) for table in ("usage", "contacts", "tickets")}
    assert (late["usage"] > 0.5).mean() > 0.5
    assert late["usage"].max() <= 7
    assert (late["contacts"] > 14).mean() > 0.1
    assert (late["tickets"] == 0).all()


def test_a_user_logs_in_in_every_active_week_and_seats_suffice(truth: Truth) -> None:
    usage = read(truth, "usage")
    week = (usage["event_at"] - pd.Timestamp(truth.start)).dt.days // 7
    usage = usage.assign(week=week)[week < week.max() - 1]
    active = usage.groupby(["account_id", "week"])["user_id"].nunique()
    logins = usage[usage["feature"] == "login"]
    assert logins.groupby(["account_id", "week"])["user_id"].nunique().equals(active)
    seats = read(truth, "subscriptions").groupby("account_id")["seats"].max()
    share = active.groupby("account_id").median() / seats
    assert share.max() <= 1.0
    assert 0.35 < share.median() < 0.85
    weekday = usage["event_at"].dt.day_of_week
    assert (weekday >= 5).mean() < 0.1


def test_rates_lie_in_the_band(truth: Truth) -> None:
    segment = read(truth, "accounts").drop_duplicates("account_id").set_index("account_id")["segment"]
    moves = pd.concat([pd.DataFrame({"before": before, "after": after}) for before, after in years(truth)])
    gone, ratio = moves["after"] == 0, moves["after"] / moves["before"]
    assert 0.13 < gone.mean() < 0.24
    assert 0.13 < (ratio >= 1.05).mean() < 0.26
    assert 0.04 < ((ratio <= 0.95) & ~gone).mean() < 0.11
    by_segment = gone.groupby(segment.reindex(moves.index)).mean()
    assert by_segment["smb"] > by_segment["enterprise"]


def test_a_churn_is_silence_for_longer_than_the_grace_period(truth: Truth) -> None:
    """Every churn of the truth is one by the tables, and the other way round; a late signature is none."""
    terms = read(truth, "subscriptions").assign(until=lambda rows: ends(rows))
    terms = terms.sort_values(["account_id", "starts_on"])
    terms["next"] = terms.groupby("account_id")["starts_on"].shift(-1).fillna(pd.Timestamp(2200, 1, 1))
    stopped = terms[(terms["until"] < pd.Timestamp(truth.end) - GRACE) & (terms["until"] >= pd.Timestamp(truth.start))]
    away = stopped["next"] - stopped["until"]
    late = stopped[(away > pd.Timedelta(0)) & (away <= GRACE)]
    assert len(late) > 0
    assert (away[late.index] <= 25 * DAY).all()
    gone = stopped[away > GRACE]
    seen = set(zip(gone["account_id"], gone["until"], strict=True))
    churns = truth.churns[truth.churns["churned_on"] < pd.Timestamp(truth.end) - GRACE]
    assert seen == set(zip(churns["account_id"], churns["churned_on"], strict=True))
    back = gone[gone["next"] < pd.Timestamp(truth.end)]
    assert len(back) > 0
    assert ((back["next"] - back["until"]) > 60 * DAY).all()


def test_each_cause_has_its_share(truth: Truth) -> None:
    share = truth.churns["cause"].value_counts(normalize=True)
    assert set(share.index) == CAUSES
    assert share.drop("other").min() >= 0.07
    assert (truth.churns["decided_on"] <= truth.churns["churned_on"]).all()
    assert truth.churns["probability_at_decision"].between(0, 1).all()
    assert set(truth.expansions["kind"]) == {"seats", "upgrade", "renewal"}


def test_an_oracle_of_the_hidden_states_is_good_but_not_perfect(truth: Truth) -> None:
    terms, states = read(truth, "subscriptions"), truth.states
    gone: list[bool] = []
    hazard: list[float] = []
    for as_of in pd.date_range(pd.Timestamp(truth.start) + 90 * DAY, pd.Timestamp(truth.end) - 121 * DAY, freq="30D"):
        week = states.loc[states["week"] <= as_of, "week"].max()
        known = states[states["week"] == week].set_index("account_id")["hazard"]
        cohort = eligible(terms, as_of).intersection(known.index)
        soon = truth.churns["churned_on"].between(as_of, as_of + 90 * DAY, inclusive="left")
        gone += list(cohort.isin(truth.churns.loc[soon, "account_id"]))
        hazard += list(known[cohort])
    assert 0.80 < roc_auc_score(np.array(gone), np.array(hazard)) < 0.95


def test_the_states_show_in_the_tables_only_through_noise(truth: Truth) -> None:
    """Each state moves what it should, and no observation gives its state away."""
    states = truth.states.groupby("account_id")[["value", "relationship", "trouble", "budget", "growth"]].mean()
    tickets, surveys = read(truth, "tickets"), read(truth, "surveys")
    touchpoints, signals = read(truth, "touchpoints"), read(truth, "signals")
    usage = read(truth, "usage")
    seats = read(truth, "subscriptions").groupby("account_id")["seats"].mean()
    seen = {
        ("value", 1): usage.groupby("account_id")["user_id"].nunique() / seats,
        ("relationship", 1): surveys["answered_at"].notna().groupby(surveys["account_id"]).mean(),
        ("relationship", 2): touchpoints.groupby("account_id")["attended"].mean(),
        ("trouble", 1): tickets["severity"].isin(["high", "urgent"]).groupby(tickets["account_id"]).mean(),
        ("budget", 1): (signals["kind"] == "budget").groupby(signals["account_id"]).sum(),
        ("growth", 1): (signals["kind"] == "upsell_interest").groupby(signals["account_id"]).sum(),
    }
    for (state, _), values in seen.items():
        agreement = states[state].corr(values.reindex(states.index).fillna(0), method="spearman")
        assert 0.05 < agreement < 0.85, (state, agreement)


def test_texts_are_varied(truth: Truth) -> None:
    texts, comments = read(truth, "tickets")["text"], read(truth, "surveys")["comment"].dropna()
    assert texts.nunique() > 0.7 * len(texts)
    assert comments.nunique() > 200
    assert texts.str.contains("budget|competitor|cancel|security", case=False).mean() < 0.2


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    def digests(name: str, seed: int) -> dict[str, str]:
        directory = tmp_path / name
        simulate(directory, accounts=40, months=7, seed=seed, end=END)
        files = sorted(directory.rglob("*.parquet"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    first = digests("first", 3)
    assert len(first) == 16
    assert first == digests("second", 3)
    assert all(first[name] != digest for name, digest in digests("third", 4).items())


def test_the_story_before_a_day_does_not_depend_on_what_comes_after(tmp_path: Path) -> None:
    """100 accounts at the start, three more each month: 130 after ten months, 148 after sixteen."""
    day = pd.Timestamp(2026, 4, 1)
    shorter = simulate(tmp_path / "shorter", accounts=130, months=10, seed=3, end=day.date())
    longer = simulate(tmp_path / "longer", accounts=148, months=16, seed=3, end=date(2026, 10, 1))
    assert shorter.start == longer.start
    for name in LAYOUT:
        now, then = visible(shorter, name, day), visible(longer, name, day)
        assert len(now) == shorter.rows[name]
        pd.testing.assert_frame_equal(now, then, check_dtype=False, obj=name)
    early = longer.churns[longer.churns["churned_on"] < day].reset_index(drop=True)
    pd.testing.assert_frame_equal(shorter.churns, early)


def test_the_journal_refuses_what_is_dated_before_its_week() -> None:
    journal = Journal()
    journal.turn(100.0)
    who = np.array([0, 1])
    rows = journal.add("tickets", account_id=who, event_at=np.array([100.0, 101.5]), known_at=np.array([100.0, 101.5]))
    with pytest.raises(CausalityError, match="tickets"):
        journal.add("tickets", account_id=who, event_at=np.array([99.0, 101.0]), known_at=np.array([99.0, 101.0]))
    with pytest.raises(CausalityError, match="resolved_at"):
        journal.learn("tickets", rows, resolved_at=np.array([99.0, 101.0]))


@pytest.mark.parametrize(("accounts", "months", "found"), [(19, 12, "found 19"), (40, 5, "found 5")])
def test_too_small_a_company_is_refused(tmp_path: Path, accounts: int, months: int, found: str) -> None:
    with pytest.raises(SimulationError, match=found):
        simulate(tmp_path / "small", accounts=accounts, months=months)
    assert not (tmp_path / "small").exists()


def test_the_smallest_company_works_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []
    truth = simulate(tmp_path / "s", accounts=20, months=6, end=END, progress=lambda share, _: told.append(share))
    assert truth.rows["accounts"] >= 20
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_only_an_earlier_simulation_is_replaced(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    simulate(ours, accounts=20, months=6, seed=1, end=END)
    before = (ours / "usage.parquet").read_bytes()
    simulate(ours, accounts=20, months=6, seed=2, end=END)
    assert (ours / "usage.parquet").read_bytes() != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours"]
    (ours / "notes.md").write_text("mine", encoding="utf-8")
    with pytest.raises(SimulationError, match=r"notes\.md"):
        simulate(ours, accounts=20, months=6, end=END)
    assert (ours / "notes.md").exists()


def test_other_tables_and_files_are_never_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "accounts.parquet").write_bytes(b"real")
    with pytest.raises(SimulationError, match="without the mark"):
        simulate(theirs, accounts=20, months=6, end=END)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SimulationError, match="found the file"):
        simulate(tmp_path / "file", accounts=20, months=6, end=END)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert simulate(empty, accounts=20, months=6, end=END).rows["usage"] > 0
