"""A snapshot joined to matured labels: what a model may learn from."""

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from features.catalogue import CATALOGUE
from features.cohort import cohort, spine
from features.snapshot import Progress, snapshot
from features.warehouse import Warehouse
from training.horizons import HORIZONS, LOST_AT_RENEWAL, RENEWAL, label_at
from training.outcomes import OUTCOMES, label, last_matured, lives, lost_at_renewal, treated_after
from training.records import whole_since

TREATED_AFTER = "treated_after"
"""The column that says after how many days a playbook was started for the account; null where none was."""
STEP_DAYS = 28
"""Days between two dates of the training spine; half of it where fewer than `SMALL_COHORT` accounts pay at once."""
SMALL_COHORT = 1_000
FIRST_HISTORY_DAYS = 90
"""The first date lies so far after the first known term, so that trends have a past."""


class DatasetError(ValueError):
    """Too little history for a single matured date."""


@dataclass(frozen=True)
class Dataset:
    """`frame`: `account_id`, `as_of`, one column a feature, `arr_before`, `arr_after` and one boolean an outcome.

    Beside them `<outcome>_<days>` at each other horizon, and `churn_renewal` at the end of the term, null where that
    has not passed or is not to be trusted, and `treated_after`: the days until a playbook was started.

    `treated` counts the rows on which a playbook ran within the horizon, also those that were then left out.
    `unmatured` and `gone` count the rows that were dropped: the future not yet known, and accounts that had left
    already without anybody knowing. `window_days`: how far back from the newest date a model learns, if not from all.
    """

    frame: pd.DataFrame
    horizon_days: int
    until: date
    unmatured: int
    gone: int
    treated: int = 0
    window_days: int | None = None

    @property
    def features(self) -> list[str]:
        return [name for name in CATALOGUE if name in self.frame.columns]

    def labels(self, outcome: str) -> pd.Series:
        """0/1 per row."""
        return self.frame[outcome].astype("int8")


def history_begins(warehouse: Warehouse, until: date) -> date:
    """The first day from which an account's life can be followed: terms are known, and usage where it is given; where
    it is not, those who left are on record as well as those who stayed (`whole_since`).

    2026-11-22: contracts often reach further back than telemetry, and then only of accounts that are still there.
    Dates before the telemetry would teach that old accounts never leave, and that nobody used the product.
    """
    usage = warehouse.loaded["usage"].first if "usage" in warehouse.tables else None
    if usage:
        return max(warehouse.first_day, usage)
    since = whole_since(lives(warehouse, until))
    return warehouse.first_day if since is None else max(warehouse.first_day, until - timedelta(days=since))


def told_of_history(warehouse: Warehouse, until: date) -> str:
    """Where terms of earlier days were left out, because of churns too few are on record there: that, in words."""
    begins = history_begins(warehouse, until)
    if "usage" in warehouse.tables or begins == warehouse.first_day:
        return ""
    return (
        f"History begins on {begins}, though contracts are known since {warehouse.first_day}: of the time before, "
        "hardly any are on record of accounts that left. Hand those over, or a usage table, to learn from it"
    )


def told_until(warehouse: Warehouse, day: date) -> date:
    """Before which day to ask what became of accounts: before `day`, or the day after the last one in the tables.

    2026-11-27: a date up to a month after the tables end is taken, for they may be quiet at their end; but of that
    month no renewal was written down, and every term that ended in it looked as if it had been lost.
    """
    return min(day, warehouse.last_day + timedelta(days=1))


def training_dates(warehouse: Warehouse, horizon_days: int, until: date) -> list[date]:
    """Every four weeks, or two in a small company, backwards from the last matured date before `until`.

    Raises `DatasetError` if there is none.
    """
    newest = last_matured(until, horizon_days)
    oldest = history_begins(warehouse, until) + timedelta(days=FIRST_HISTORY_DAYS)
    if newest < oldest:
        raise DatasetError(
            f"not enough history: {horizon_days} days of horizon and the grace period before {until} end on {newest}, "
            f"but the first date with {FIRST_HISTORY_DAYS} days of history is {oldest}; take a shorter --horizon or a "
            "later --until"
        )
    step_days = STEP_DAYS if len(cohort(warehouse, newest)) >= SMALL_COHORT else STEP_DAYS // 2
    count = (newest - oldest).days // step_days + 1
    return sorted(newest - timedelta(days=step_days * i) for i in range(count))


def dataset(
    warehouse: Warehouse,
    horizon_days: int,
    until: date,
    progress: Progress | None = None,
) -> Dataset:
    """All cohorts before `until` whose horizon has passed, with features as of each date and their labels.

    Later cohorts are dropped and counted: their future is not known yet.
    """
    dates = training_dates(warehouse, horizon_days, until)
    step = (dates[-1] - dates[-2]) if len(dates) > 1 else timedelta(days=STEP_DAYS)
    later = [dates[-1] + step * ahead for ahead in range(1, (until - dates[-1]) // step + 1)]
    return joined(warehouse, [*dates, *(day for day in later if day < until)], horizon_days, until, progress)


def joined(
    warehouse: Warehouse, dates: list[date], horizon_days: int, until: date, progress: Progress | None = None
) -> Dataset:
    """The features of the cohorts on `dates` joined to what became of them, as known before `until`."""
    rows = spine(warehouse, dates)
    labelled = label(warehouse, rows, horizon_days, until)
    for days in HORIZONS:
        if days != horizon_days:
            other = label(warehouse, rows, days, until)[list(OUTCOMES)]
            labelled[[label_at(name, days) for name in OUTCOMES]] = other
    usable = labelled["matured"] & ~labelled["gone"]
    kept = labelled[usable].drop(columns=["matured", "gone"])
    if kept.empty:
        raise DatasetError(
            f"no row to learn from: of {len(labelled)} rows none has a known outcome {horizon_days} days on; "
            "take a shorter --horizon or a later --until"
        )
    table = snapshot(warehouse, kept[["account_id", "as_of"]], progress=progress)
    kept[TREATED_AFTER] = treated_after(warehouse, kept, until)
    frame = table.merge(kept, on=["account_id", "as_of"], how="left", validate="one_to_one")
    if RENEWAL in frame:
        frame[LOST_AT_RENEWAL] = lost_at_renewal(warehouse, frame, until)
    return Dataset(
        frame=frame,
        horizon_days=horizon_days,
        until=until,
        unmatured=int((~labelled["matured"]).sum()),
        gone=int((labelled["matured"] & labelled["gone"]).sum()),
        treated=int((frame[TREATED_AFTER] <= horizon_days).sum()),
    )
