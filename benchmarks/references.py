"""The same twenty usage features written by hand: in DuckDB's SQL, in pandas, in featuretools."""

import json
import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from apart import install

WINDOWS = (7, 28, 56, 90, 180)
COUNTED = {"users": "user_id", "features": "feature", "days": "age"}


def timed(work: Callable[[], None]) -> None:
    """Prints the seconds and the peak of memory of some work, as JSON."""
    started = time.perf_counter()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "megabytes": peak}))


def features() -> dict[str, object]:
    """Ours: events, users, features and days of use in five windows, as catalogue rows."""
    from ibis import _

    from features.feature import Feature, Healthy, Reason, Unit
    from features.measure import distinct, last, total

    measures = {f"events_{w}d": total(_.quantity, last(w)) for w in WINDOWS}
    for what, column in (("users", _.user_id), ("features", _.feature), ("days", _.event_age)):
        measures |= {f"{what}_{w}d": distinct(column, last(w)) for w in WINDOWS}
    return {
        name: Feature(name, "usage", measure, name, name, Unit.COUNT, Healthy.HIGH, Reason.VALUE_GAP, 0)
        for name, measure in measures.items()
    }


def sql(folder: Path, days: list[date]) -> None:
    """One DuckDB query a date over the Parquet files, in the form found fastest by hand.

    It filters by the largest window, takes the smallest age per user, feature and day once, and counts ages.
    """
    import duckdb

    engine = duckdb.connect()
    for as_of in days:
        parts = [
            f"{what} AS (SELECT account_id, "
            f"{', '.join(f'count(*) FILTER (age <= {w}) AS {what}_{w}d' for w in WINDOWS)} "
            f"FROM (SELECT account_id, {column} AS value, min(age) AS age FROM seen GROUP BY ALL) GROUP BY account_id)"
            for what, column in COUNTED.items()
        ]
        sums = ", ".join(f"sum(quantity) FILTER (age <= {w}) AS events_{w}d" for w in WINDOWS)
        joins = " ".join(f"LEFT JOIN {what} USING (account_id)" for what in COUNTED)
        engine.execute(
            f"WITH seen AS (SELECT account_id, user_id, feature, quantity, "
            f"date_diff('day', event_at::DATE, DATE '{as_of}') AS age FROM '{folder}/usage/*.parquet' "
            f"WHERE event_at < DATE '{as_of}' AND event_at >= DATE '{as_of}' - {WINDOWS[-1]}), "
            f"events AS (SELECT account_id, {sums} FROM seen GROUP BY account_id), {', '.join(parts)} "
            f"SELECT * FROM events {joins}"
        ).df()


def pandas(folder: Path, days: list[date]) -> None:
    """Codes instead of strings, rows in time's order, the smallest age per value, and sums by `bincount`."""
    import numpy as np
    import pandas as pd

    rows = pd.read_parquet(folder / "usage").sort_values("event_at", ignore_index=True)
    account, accounts = pd.factorize(rows["account_id"])
    values = {what: pd.factorize(rows[column])[0] for what, column in COUNTED.items() if column in rows}
    moment = rows["event_at"].to_numpy()
    quantity = rows["quantity"].to_numpy()
    day = moment.astype("datetime64[D]").astype("int64")
    for as_of in days:
        until = np.datetime64(as_of, "D")
        first, last = np.searchsorted(moment, [until - WINDOWS[-1], until])
        age = until.astype("int64") - day[first:last]
        who = account[first:last]
        table = {}
        for window in WINDOWS:
            table[f"events_{window}d"] = np.bincount(
                who[age <= window], quantity[first:last][age <= window], len(accounts)
            )
        for what in COUNTED:
            value = values[what][first:last] if what in values else age
            key = who.astype("int64") * (int(value.max()) + 1) + value
            smallest = pd.Series(age).groupby(key).min()
            owner = smallest.index.to_numpy() // (int(value.max()) + 1)
            for window in WINDOWS:
                table[f"{what}_{window}d"] = np.bincount(owner[smallest <= window], minlength=len(accounts))
        assert len(pd.DataFrame(table, index=accounts)) == len(accounts)


def install_featuretools(environment: Path) -> None:
    """featuretools in an environment of its own: it does not work with pandas 3."""
    install(environment, "featuretools<2", "pandas<3", "numpy<2.3", "pyarrow", "setuptools<81")


def featuretools(folder: Path, days: list[date]) -> None:
    """Deep feature synthesis with a cutoff time a row and a training window a call: its own idiom."""
    import featuretools as ft
    import pandas as pd

    accounts = pd.read_parquet(folder / "accounts.parquet")[["account_id"]]
    usage = pd.read_parquet(folder / "usage").assign(row=lambda rows: range(len(rows)))
    usage["day"] = usage["event_at"].dt.strftime("%Y-%m-%d").astype("category")
    usage = usage.astype({"user_id": "category", "feature": "category"})
    entities = ft.EntitySet("company")
    entities.add_dataframe(accounts, "accounts", index="account_id")
    entities.add_dataframe(usage, "usage", index="row", time_index="event_at")
    entities.add_relationship("accounts", "account_id", "usage", "account_id")
    times = pd.DataFrame(
        [(account, pd.Timestamp(day)) for day in days for account in accounts["account_id"]],
        columns=["account_id", "time"],
    )
    for window in WINDOWS:
        matrix, _ = ft.dfs(
            entityset=entities,
            target_dataframe_name="accounts",
            agg_primitives=["sum", "num_unique"],
            trans_primitives=[],
            cutoff_time=times,
            training_window=f"{window} days",
            include_cutoff_time=False,
        )
        assert len(matrix) == len(times)
