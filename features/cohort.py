"""Who is spoken of on which dates: the spine, one row per (account, `as_of`)."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd

from features.asof import ANY_DAY, observe, on_day
from features.revenue import paid_on, terms
from features.sources import SOURCES
from features.warehouse import Warehouse


class CohortError(ValueError):
    """Dates on which nobody can be spoken of."""


def paying(warehouse: Warehouse, as_of: date) -> pd.DataFrame:
    """The accounts paying on `as_of`, as known before it: `account_id`, `as_of`, `arr`, `notice` (bool).

    2026-11-22: an account has given notice when every term it pays for has; notice on one of several products
    is a contraction to come, and the account stays in the cohort.
    """
    return _run(warehouse, _query(warehouse), as_of)


def _query(warehouse: Warehouse) -> str:
    """The engine's SQL for the accounts paying on `ANY_DAY`."""
    known = terms(warehouse, ANY_DAY)
    current = known.filter(paid_on(known, 0) & (known.arr > 0))
    per_account = current.group_by("account_id").agg(
        arr=current.arr.sum(), kept=current.count(where=current.notice_age.isnull())
    )
    return warehouse.engine.text(per_account)


def _run(warehouse: Warehouse, query: str, as_of: date) -> pd.DataFrame:
    frame = warehouse.engine.frame(on_day(query, as_of)).sort_values("account_id", ignore_index=True)
    frame["notice"] = frame["kept"] == 0
    frame["as_of"] = pd.Timestamp(as_of)
    return frame[["account_id", "as_of", "arr", "notice"]]


def cohort(warehouse: Warehouse, as_of: date) -> pd.DataFrame:
    """The eligible accounts on `as_of`: paying, and no notice of cancellation known. `account_id`, `as_of`."""
    return _eligible(paying(warehouse, as_of))


def _eligible(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts.loc[~accounts["notice"], ["account_id", "as_of"]].reset_index(drop=True)


def attributes(warehouse: Warehouse, as_of: date) -> pd.DataFrame:
    """What every account is called and who looks after it, as known before `as_of`: `account_id`, `name`, `owner`.

    The newest row speaks; what it does not say is empty text.
    """
    rows = observe(warehouse.tables["accounts"], SOURCES["accounts"], as_of)
    rows = rows.mutate(newest=rows.instant.min().over(group_by=rows.account_id))
    newest = rows.filter(rows.instant == rows.newest)
    named = newest.group_by("account_id").agg(
        name=newest["name"].max().fill_null(""), owner=newest["owner"].max().fill_null("")
    )
    frame: pd.DataFrame = warehouse.engine.frame(named.order_by("account_id"))
    return frame


def spine(warehouse: Warehouse, dates: Sequence[date]) -> pd.DataFrame:
    """The cohorts of several dates under one another; `CohortError` if nobody is eligible on any of them."""
    if not dates:
        raise CohortError("no date was given; expected at least one as_of date")
    query = _query(warehouse)
    rows = pd.concat([_eligible(_run(warehouse, query, as_of)) for as_of in sorted(set(dates))], ignore_index=True)
    if rows.empty:
        raise CohortError(
            f"no account was paying without notice on {', '.join(str(day) for day in sorted(set(dates))[:3])}; "
            f"subscriptions are known from {warehouse.first_day} to {warehouse.last_day}"
        )
    return rows


def dates_every(every: str, start: date, end: date) -> list[date]:
    """Dates from `start` to `end`, both included: every `week` (7 days) or the first of every `month`.

    `CohortError` if there is none.
    """
    match every:
        case "week":
            dates = [start + timedelta(days=7 * step) for step in range((end - start).days // 7 + 1)]
        case "month":
            dates = [stamp.date() for stamp in pd.date_range(start, end, freq="MS")]
        case _:
            raise CohortError(f"every {every!r} is not known; expected week or month")
    if not dates:
        cure = "name an earlier first date" if start > end else "name a longer time, or every week"
        raise CohortError(f"no {'day' if every == 'week' else 'first of a month'} lies from {start} to {end}; {cure}")
    return dates
