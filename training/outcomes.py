"""What may happen to an account within a horizon, and whether it did. The one file that looks past `as_of`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import ibis.expr.types as ir
import pandas as pd

from features.asof import follow
from features.revenue import GRACE_DAYS, paid_on, stops, with_end
from features.sources import SOURCES
from features.warehouse import Warehouse

CHANGE = 0.05
"""ARR that moves by less than this share is neither contraction nor expansion (SOURCES)."""
HAIR = 1e-9
"""A change of exactly so much is one; 1018.20 and 1069.11 lie 5 % apart, and their floats a hair less."""


@dataclass(frozen=True)
class Outcome:
    """One thing that may happen. `bad` tells losing from growing; `verb` completes "the account …"."""

    name: str
    verb: str
    bad: bool


OUTCOMES: Mapping[str, Outcome] = {
    outcome.name: outcome
    for outcome in (
        Outcome("churn", "leaves", bad=True),
        Outcome("contraction", "shrinks by at least 5 %", bad=True),
        Outcome("expansion", "grows by at least 5 %", bad=False),
    )
}


@dataclass(frozen=True)
class Lives:
    """How many paid terms began and ended, and how many churns came, by how many days ago."""

    begun: Mapping[int, int]
    ended: Mapping[int, int]
    churns: Mapping[int, int]

    def days_before(self, age: int) -> float:
        """The days that terms lasted before the day `age` days ago, summed."""
        began, over = (
            sum(max(days - age, 0) * count for days, count in told.items()) for told in (self.begun, self.ended)
        )
        return float(began - over)


class OutcomeError(ValueError):
    """An outcome or horizon that cannot be labelled."""


def outcome_named(name: str) -> Outcome:
    """The outcome of that name; `OutcomeError` lists the known ones."""
    if name not in OUTCOMES:
        raise OutcomeError(f"outcome {name!r} is not known; expected one of {', '.join(OUTCOMES)}")
    return OUTCOMES[name]


def last_matured(until: date, horizon_days: int) -> date:
    """The last `as_of` whose horizon, and the grace period after it, is known before `until`.

    A term may be signed on the last day of grace, and is known only after that day.
    """
    return until - timedelta(days=horizon_days + GRACE_DAYS + 1)


def label(warehouse: Warehouse, spine: pd.DataFrame, horizon_days: int, until: date) -> pd.DataFrame:
    """What became of every row of `spine` within `horizon_days`, as known before `until`.

    Adds `matured` (bool), `gone` (bool: stopped before `as_of`, which was learnt later), `arr_before`, `arr_after`,
    and one nullable boolean column an outcome, null where not matured or gone. Churn: ARR falls to zero and stays
    there longer than the grace period. Contraction, expansion: ARR at the horizon lies 5 % or more below, above
    that at `as_of`, without a churn between.

    2026-11-22: all outcomes wait for the grace period. An account in a pause at the horizon is then known to have
    left or to have signed late; the late signature's ARR speaks for it.
    """
    if not 1 <= horizon_days <= 730:
        raise OutcomeError(f"a horizon of {horizon_days} days cannot be labelled; expected 1 to 730")
    known = with_end(follow(warehouse.tables["subscriptions"], SOURCES["subscriptions"], until))
    days = sorted(pd.Timestamp(stamp).date() for stamp in spine["as_of"].unique())
    age = {day: (until - day).days for day in days}
    sums = {
        f"{name}{i}": known.arr.sum(where=paid_on(known, age[day] - ahead)).fill_null(0.0)
        for i, day in enumerate(days)
        for name, ahead in (("before", 0), ("after", horizon_days), ("later", horizon_days + GRACE_DAYS))
    }
    paid = warehouse.engine.frame(known.group_by("account_id").agg(**sums)).set_index("account_id")
    stopped = warehouse.engine.frame(stops(known)).groupby("account_id")["churned_age"].agg(list)
    parts = [
        _on_one_day(spine[spine["as_of"] == pd.Timestamp(day)], paid, stopped, i, age[day], horizon_days)
        for i, day in enumerate(days)
    ]
    return pd.concat(parts).loc[spine.index]


def lives(warehouse: Warehouse, until: date) -> Lives:
    """What is on record of paid terms and of churns, as known before `until`; a churn ahead is none yet."""
    known = with_end(follow(warehouse.tables["subscriptions"], SOURCES["subscriptions"], until))
    paid = known.filter((known.arr > 0) & (known.end_age.isnull() | (known.end_age < known.starts_age)))
    churned = stops(known)

    def counted(ages: ir.Table) -> dict[int, int]:
        rows = warehouse.engine.frame(ages.group_by("age").agg(count=ages.count()))
        return {int(age): int(count) for age, count in zip(rows["age"], rows["count"], strict=True)}

    return Lives(
        begun=counted(paid.select(age="starts_age")),
        ended=counted(paid.filter(paid.end_age.notnull()).select(age="end_age")),
        churns=counted(churned.filter(churned.churned_age > 0).select(age="churned_age")),
    )


def lost_at_renewal(warehouse: Warehouse, spine: pd.DataFrame, until: date) -> pd.Series:
    """Whether the account was lost by the end of the term that ends next, as known before `until`: nullable booleans.

    `spine` holds `days_to_renewal`; null where that is unknown or over, or where its end and the grace period have not
    passed.

    2026-11-27: lost is also who was served on for some days beyond the end, unsigned, and then left: accounts are often
    switched off a day or two later, and the term was not renewed all the same.
    """
    known = with_end(follow(warehouse.tables["subscriptions"], SOURCES["subscriptions"], until))
    churned = warehouse.engine.frame(stops(known))
    churned["ages"] = list(zip(churned["churned_age"], churned["agreed_age"], strict=True))
    stopped = churned.groupby("account_id")["ages"].agg(list)
    ages = (pd.Timestamp(until) - spine["as_of"]).dt.days.to_numpy()
    days = spine["days_to_renewal"].to_numpy(dtype="float64", na_value=float("nan"))
    told: list[bool | None] = []
    for account, age, left in zip(spine["account_id"], ages, days, strict=True):
        by_then = [gone for gone, agreed in stopped.get(account, ()) if age - left <= agreed and gone < age]
        settled = left >= 1 and age - left > GRACE_DAYS and all(gone > GRACE_DAYS for gone in by_then)
        told.append(bool(by_then) if settled else None)
    return pd.Series(pd.array(told, dtype="boolean"), index=spine.index)


def treated_after(warehouse: Warehouse, spine: pd.DataFrame, until: date) -> pd.Series:
    """The days from `as_of` until a playbook was next started for the account, as known before `until`; nan: none was.

    None was where there is no `actions` table; one that was refused did not run.
    """
    if "actions" not in warehouse.tables:
        return pd.Series(float("nan"), index=spine.index)
    known = follow(warehouse.tables["actions"], SOURCES["actions"], until)
    ran = known.filter(known.state.isnull() | (known.state != "refused")).select("account_id", "event_age")
    started = warehouse.engine.frame(ran).groupby("account_id")["event_age"].agg(list)
    ages = (pd.Timestamp(until) - spine["as_of"]).dt.days
    return pd.Series(
        [
            min((age - one for one in started.get(account, ()) if one <= age), default=float("nan"))
            for account, age in zip(spine["account_id"], ages, strict=True)
        ],
        index=spine.index,
        dtype="float64",
    )


def _on_one_day(
    rows: pd.DataFrame, paid: pd.DataFrame, stopped: pd.Series, i: int, age: int, horizon_days: int
) -> pd.DataFrame:
    accounts = rows["account_id"]
    before, after, later = (
        accounts.map(paid[f"{name}{i}"]).fillna(0.0).to_numpy() for name in ("before", "after", "later")
    )
    churned = (
        accounts.map(stopped)
        .map(lambda ages: isinstance(ages, list) and any(age - horizon_days <= one < age for one in ages))
        .to_numpy(dtype=bool)
    )
    matured = age > horizon_days + GRACE_DAYS
    settled = after.copy()
    paused = (after == 0) & ~churned
    settled[paused] = later[paused]
    gone = before <= 0
    labelled = rows.assign(matured=matured, gone=gone, arr_before=before, arr_after=settled)
    happened = {
        "churn": churned,
        "contraction": ~churned & (settled <= (1 - CHANGE + HAIR) * before),
        "expansion": ~churned & (settled >= (1 + CHANGE - HAIR) * before),
    }
    for name in OUTCOMES:
        values = pd.array(happened[name], dtype="boolean")
        values[gone | (not matured)] = pd.NA
        labelled[name] = values
    return labelled
