"""How often the first reason of a correctly flagged churner is the true one, on simulated companies.

    python benchmarks/reasons.py [--seeds 7 8 9 10 11] [--taught 21 22 23 24 25 26 27 28]

The true cause of every churn is kept in the simulation's `truth/`, which nothing of the product reads. "Other" (a
bankruptcy, a merger) has no reason to find and is left out. Four references on the same accounts: the sum of
contributions by reason, context and all; the commonest cause; a classifier that was taught on the same features the
true causes of the company's own earlier churners, as if all had said why; and the ceiling, the same taught those of
other companies. Last, how often the first reason stays the same where the model was learnt from other accounts of the
same company, drawn with replacement.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from features.catalogue import CATALOGUE
from features.feature import Unit
from features.simulation import simulate
from features.warehouse import Warehouse, open_warehouse
from serving.drivers import acted_on
from serving.playbooks import load_playbooks
from serving.scoring import score
from serving.tiers import load_tiers
from training.booster import Params
from training.dataset import Dataset, dataset
from training.model import Model, fit
from training.reasons import main_reasons
from training.registry import check_home
from training.standing import by_reason
from training.train import TrainingRun, train_outcome
from training.worth import Interval, interval

END, UNTIL, HORIZON = date(2026, 10, 1), date(2026, 4, 1), 90
Found = TypeVar("Found")
DATES = tuple(UNTIL + timedelta(days=30 * step) for step in range(4))
NUMBERS = [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY]
AGAIN = 3  # models learnt from accounts drawn with replacement


@dataclass(frozen=True)
class Told:
    """First and second reasons of the same churners, by who names them, and how many first reasons stayed."""

    accounts: list[str]
    causes: list[str]
    reasons: dict[str, list[tuple[str, ...]]]
    stayed: list[float]


def with_causes(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table whose account left within the horizon, with `cause`, and `place` in the table."""
    rows = pd.DataFrame({"account_id": table["account_id"].astype(str), "as_of": pd.to_datetime(table["as_of"])})
    both = rows.assign(place=range(len(rows))).merge(truth[["account_id", "churned_on", "cause"]], on="account_id")
    ahead = (pd.to_datetime(both["churned_on"]) - both["as_of"]).dt.days
    return both[(ahead > 0) & (ahead <= HORIZON) & (both["cause"] != "other")]


def lived(seed: int, asked: argparse.Namespace, read: Callable[[Warehouse, pd.DataFrame, Path], Found]) -> Found:
    """What `read` finds in the company of a seed and its true causes; it may write into a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "company")
        simulate(folder, accounts=asked.accounts, months=asked.months, seed=seed, end=END)
        truth = pd.read_parquet(folder / "truth" / "churns.parquet")
        warehouse = open_warehouse(str(folder), loaded_on=END)
        try:
            return read(warehouse, truth, Path(scratch, "home"))
        finally:
            warehouse.close()


def lesson(table: pd.DataFrame, truth: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The features of a dataset's churners and their true causes."""
    found = with_causes(table, truth)
    return table.iloc[found["place"]][NUMBERS].astype("float64"), found["cause"]


def taught_by(lessons: Sequence[tuple[pd.DataFrame, pd.Series]]) -> Pipeline:
    """Who was taught the true causes."""
    model = make_pipeline(
        QuantileTransformer(n_quantiles=100),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.003, max_iter=1000),
    )
    return model.fit(pd.concat([table for table, _ in lessons]), pd.concat([causes for _, causes in lessons]))


def told_by(pupil: Pipeline, table: pd.DataFrame) -> list[tuple[str, ...]]:
    """What who was taught says of the rows of a table."""
    return ranked(pd.DataFrame(pupil.predict_proba(table[NUMBERS]), columns=pupil.classes_))


def named(warehouse: Warehouse, truth: pd.DataFrame, home: Path, seed: int, others: Pipeline) -> Told:
    """What everybody names for the churners that were scored high."""
    check_home(home)
    data = dataset(warehouse, HORIZON, UNTIL)
    model = train_outcome(warehouse, data, TrainingRun(UNTIL, ("churn",), seed=seed), "churn", home).model
    assert model is not None
    scorings = [score(warehouse, day, [model], load_playbooks(), load_tiers()) for day in DATES]
    table = pd.concat([one.table for one in scorings], ignore_index=True)
    scores = [found for one in scorings for found in one.scores]
    high = [place for place, found in enumerate(scores) if found.tier == "high"]
    found = with_causes(table.iloc[high], truth)
    places = [high[place] for place in found["place"]]
    causes = found["cause"].tolist()
    return Told(
        [f"{seed} {account}" for account in found["account_id"]],
        causes,
        {
            "ours": [
                tuple(driver.reason.value for driver in acted_on(scores[place].drivers, "churn")) for place in places
            ],
            "sum of contributions": ranked(by_reason_of(model, table.iloc[places])),
            "the commonest cause": [tuple(pd.Series(causes).value_counts().index)] * len(causes),
            "own true causes": told_by(taught_by([lesson(data.frame, truth)]), table.iloc[places]),
            "ceiling": told_by(others, table.iloc[places]),
        },
        [stayed(data, model, table.iloc[high], draw) for draw in range(AGAIN)],
    )


def by_reason_of(model: Model, table: pd.DataFrame) -> pd.DataFrame:
    shares, _ = model.contributions(model.encoding.matrix(table))
    return pd.DataFrame({reason.value: sums for reason, sums in by_reason(model.encoding.features, shares).items()})


def ranked(sizes: pd.DataFrame) -> list[tuple[str, ...]]:
    """The columns of each row, the largest first."""
    names = sizes.columns.to_numpy()
    return [tuple(names[order]) for order in np.argsort(-sizes.to_numpy(), axis=1)]


def stayed(data: Dataset, model: Model, table: pd.DataFrame, draw: int) -> float:
    """Of the rows, the share whose first reason a model gives too that learnt from accounts drawn with replacement."""
    rows = data.frame.groupby("account_id").indices
    random = np.random.default_rng(draw)
    drawn = random.choice(sorted(rows), size=len(rows))
    learnt = data.frame.iloc[np.concatenate([rows[account] for account in drawn])].reset_index(drop=True)
    happened = learnt["churn"].to_numpy(dtype=np.float64)
    other = fit(learnt, happened, Params(), outcome="churn", horizon_days=HORIZON, until=str(UNTIL))
    return float((main_reasons(replace(other, line=model.line), table) == main_reasons(model, table)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9, 10, 11])
    parser.add_argument("--taught", type=int, nargs="+", default=list(range(21, 29)))
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--months", type=int, default=24)
    asked = parser.parse_args()
    if set(asked.seeds) & set(asked.taught):
        parser.error("the ceiling must not be taught the companies that it is asked about")

    def whole(warehouse: Warehouse, truth: pd.DataFrame, _: Path) -> tuple[pd.DataFrame, pd.Series]:
        return lesson(dataset(warehouse, HORIZON, END).frame, truth)

    others = taught_by([lived(seed, asked, whole) for seed in asked.taught])
    told = [
        lived(seed, asked, lambda warehouse, truth, home, seed=seed: named(warehouse, truth, home, seed, others))
        for seed in asked.seeds
    ]
    count = sum(len(one.causes) for one in told)
    print(
        f"{count} correctly flagged churners of {len(told)} simulated companies ({[len(one.causes) for one in told]})"
    )
    rates = {name: right(told, name) for name in told[0].reasons}
    for name, (first, either) in rates.items():
        each = ", ".join(f"{right([one], name)[0]:.0%}" for one in told)
        print(f"{name:<22}first reason true {first:.1%} ({each}), one of the first two {either:.1%}")
    for most, what in ((1, "first reason"), (2, "one of the first two")):
        found = over_the_ceiling(told, most)
        print(f"ours over the ceiling, {what}: {found.value:.2f} ({found.low:.2f} to {found.high:.2f}; aim .95)")
    kept = [share for one in told for share in one.stayed]
    print(
        f"first reason stays under a bootstrap of accounts: {np.mean(kept):.2f} "
        f"({min(kept):.2f} to {max(kept):.2f}; aim .85)"
    )


def right(told: Sequence[Told], name: str) -> tuple[float, float]:
    """How often the first named, and one of the first two, is the true cause."""
    return float(hits(told, name, 1).mean()), float(hits(told, name, 2).mean())


def hits(told: Sequence[Told], name: str, most: int) -> npt.NDArray[np.float64]:
    """(churners,) 1 where one of the first `most` reasons is the true cause."""
    pairs = [pair for one in told for pair in zip(one.causes, one.reasons[name], strict=True)]
    return np.array([cause in reasons[:most] for cause, reasons in pairs], dtype=np.float64)


def over_the_ceiling(told: Sequence[Told], most: int) -> Interval:
    """How often ours is right over how often the ceiling is, with the interval of a bootstrap over accounts."""
    ours, best = (hits(told, name, most) for name in ("ours", "ceiling"))
    accounts = pd.Series([account for one in told for account in one.accounts])
    return interval(accounts, lambda weights: float(weights @ ours / (weights @ best)), 0, draws=2000)


if __name__ == "__main__":
    main()
