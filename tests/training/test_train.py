"""A training run: nothing known on or after its day has a say, and its word is a version or a reason."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import training.train
from features.sources import SOURCES
from features.warehouse import Warehouse, open_warehouse
from serving import cli
from tests.conftest import LOADED_ON, UNTIL, Company
from tests.worlds import AS_OF, World, cut, day, opened, renamed, together, unlearnt, world, written
from training.booster import Params
from training.dataset import Dataset, DatasetError, joined
from training.fingerprint import fingerprint
from training.model import fit
from training.outcomes import OutcomeError
from training.tracking import Record, Registered
from training.train import Trained, TrainingRun, train, train_outcome
from training.tune import Best, Found, StudyError

EARLY = date(2026, 1, 15)
"""Early enough that most of the tables lie on or after it."""


def tables_of(company: Company) -> World:
    return {file.stem: pd.read_parquet(file) for file in company.folder.glob("*.parquet")}


def without_future(company: Company, until: date, folder: Path) -> Warehouse:
    """The company's tables as they were known before `until`: later rows gone, values learnt later empty."""
    tables = unlearnt(cut(tables_of(company), until), until)
    kept = {name: rows for name, rows in tables.items() if len(rows)}
    assert sum(map(len, kept.values())) < sum(map(len, tables_of(company).values()))
    assert set(kept) <= set(SOURCES)
    return open_warehouse(str(written(kept, folder)), loaded_on=LOADED_ON)


def test_what_is_known_at_or_after_until_changes_no_byte_of_a_model(company: Company, tmp_path: Path) -> None:
    """Every account has a twin of which all is gone that was known or learnt later; their models are the same bytes."""
    some = set(company.data.frame["account_id"].unique()[:90])
    tables = {name: rows[rows["account_id"].isin(some)] for name, rows in tables_of(company).items()}
    warehouse = opened(
        together(tables, renamed(unlearnt(cut(tables, EARLY), EARLY), "/twin")),
        tmp_path / "tables",
        loaded_on=LOADED_ON,
    )
    data = joined(warehouse, [EARLY - timedelta(days=back) for back in (75, 61)], 30, EARLY)
    warehouse.close()
    assert data.unmatured == 0
    is_twin = data.frame["account_id"].str.endswith("/twin")
    assert is_twin.mean() == 0.5
    saved = []
    for name, rows in (("one", data.frame[~is_twin]), ("twin", data.frame[is_twin])):
        happened = np.asarray(rows["arr_after"] != rows["arr_before"], dtype=np.float64)
        params = Params(rounds=10, num_threads=1, min_data_in_leaf=5)
        model = fit(rows, happened, params, outcome="expansion", horizon_days=30, until=EARLY.isoformat())
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        told = fingerprint(rows.drop(columns=["account_id", "as_of"]))
        saved.append((told, [(tmp_path / name / file).read_bytes() for file in ("booster.txt", "model.json")]))
    assert saved[0] == saved[1]


@pytest.mark.slow
def test_a_whole_run_on_tables_without_a_future_is_the_same_run(company: Company, tmp_path: Path) -> None:
    warehouse = without_future(company, UNTIL, tmp_path / "cut")
    (again,) = train(warehouse, replace(company.run, outcomes=("churn",)), tmp_path / "home")
    warehouse.close()
    first = company.trained["churn"]
    assert again.model is not None
    assert first.model is not None
    assert again.backtest is not None
    assert first.backtest is not None
    assert again.model.booster.model_to_string() == first.model.booster.model_to_string()
    assert replace(again.model, booster=first.model.booster) == first.model
    pd.testing.assert_frame_equal(again.backtest.rows, first.backtest.rows, check_exact=True)
    assert (again.refused, again.rows, again.unmatured, again.gone) == (
        first.refused, first.rows, first.unmatured, first.gone,
    )  # fmt: skip


def test_a_run_says_what_came_of_it(company: Company) -> None:
    for outcome, one in company.trained.items():
        assert one.outcome == outcome
        assert one.model is not None
        assert one.model.version == f"{outcome}-v{one.version}"
        assert one.model.until == UNTIL.isoformat()
        assert one.rows == len(company.data.frame)
        assert one.backtest is not None
        assert one.model.line == one.backtest.line
        assert len(one.model.spread) == 101
        assert list(one.model.spread) == sorted(one.model.spread)
        assert Path(str(one.card)).read_text(encoding="utf-8").startswith(f"# {outcome.capitalize()} within")
        assert one.search is None
    churn, expansion = (company.trained[name].model for name in ("churn", "expansion"))
    assert churn is not None
    assert expansion is not None
    assert churn.growth == -1.0
    assert expansion.growth >= 0.05


def test_too_little_history_is_an_answer_for_every_outcome(company: Company, tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path / "tables")
    found = train(warehouse, TrainingRun(AS_OF, ("churn", "expansion"), horizon_days=400), company.home)
    warehouse.close()
    assert [one.outcome for one in found] == ["churn", "expansion"]
    for one in found:
        assert one == Trained(one.outcome, None, None, None, one.refused, 0, 0, 0)
        assert "not enough history" in one.refused[0]


def test_too_few_outcomes_is_an_answer_with_counts(company: Company, tmp_path: Path) -> None:
    until_now = world(
        usage="account_id | event_at | user_id | feature | quantity\na | -399d | u | f | 1\na | -1d | u | f | 1"
    )
    warehouse = opened(until_now, tmp_path / "tables")
    (found,) = train(warehouse, TrainingRun(AS_OF, ("churn",), horizon_days=200), company.home)
    warehouse.close()
    assert found.version is None
    assert found.rows > 0
    assert found.unmatured > 0
    assert found.refused[0].startswith(f"0 outcomes in {found.rows} rows, of 0 accounts, are not enough")


def test_a_study_that_cannot_be_worked_on_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = opened(world(), tmp_path / "tables")
    monkeypatch.setattr("training.train.dataset", lambda *_, **__: pytest.fail("work has begun"))
    for study in ("nonsense", "postgresql://nobody@127.0.0.1:1/studies", f"sqlite:///{tmp_path}/no/such/folder.db"):
        with pytest.raises(StudyError, match="cannot be worked on"):
            train(warehouse, TrainingRun(UNTIL, ("churn",), trials=2, study=study), tmp_path)


@pytest.fixture(scope="module")
def living(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's terms, and use of the product by accounts that stayed only."""
    told = tables_of(company)
    left = company.data.frame.loc[company.data.frame["churn"].astype(bool), "account_id"]
    used = told["usage"][~told["usage"]["account_id"].isin(left)].groupby("account_id").head(200)
    kept = {"accounts": told["accounts"], "subscriptions": told["subscriptions"], "usage": used}
    return written(kept, tmp_path_factory.mktemp("living"))


def test_tables_that_know_the_outcome_are_not_learnt_from(company: Company, living: Path, tmp_path: Path) -> None:
    warehouse = open_warehouse(str(living), loaded_on=LOADED_ON)
    churn, expansion = train(warehouse, company.run, tmp_path / "home")
    warehouse.close()
    for one in (churn, expansion):
        assert (one.version, one.model, one.backtest) == (None, None, None)
        assert one.rows > 0
        assert "--allow-leaks" in one.refused[-1]
    assert churn.refused[0].startswith("usage has rows of an account")
    assert "where churn followed" in churn.refused[0]
    assert "usage seems to know churn" in expansion.refused
    assert not list((tmp_path / "home").glob("models/*"))


def test_a_leak_that_is_allowed_stands_in_the_record_and_on_the_card(
    company: Company, living: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Record] = []

    def registered(home: Path, record: Record) -> Registered:
        records.append(record)
        return Registered(home.name, "card.md")

    monkeypatch.setattr(training.train, "register", registered)
    warehouse = open_warehouse(str(living), loaded_on=LOADED_ON)
    (one,) = train(warehouse, replace(company.run, outcomes=("churn",), allow_leaks=True), tmp_path / "home")
    warehouse.close()
    assert one.version == "home"
    (record,) = records
    assert (record.params["allow_leaks"], record.params["leaks"]) == (True, "usage")
    card = str(record.files["card.md"])
    assert "**Trained on tables that seem to know the outcome:** churn: usage has rows of an account" in card
    assert "seem to know the outcome" in str(record.files["card.html"])


@pytest.mark.parametrize("better", [False, True])
def test_a_search_is_told_as_it_was_and_followed_where_it_gains(
    company: Company, tmp_path: Path, better: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of forty trials asked for two ended; the record and the card say two."""
    records: list[Record] = []

    def registered(_: Path, record: Record) -> Registered:
        records.append(record)
        return Registered("1", "card.md")

    gained = (0.01, 0.005 if better else -0.005, 0.02)
    for name, replaced in (
        ("register", registered),
        ("as_many_trees", lambda _data, _outcome, params: replace(params, rounds=6)),
        ("backtest", lambda *_: company.trained["churn"].backtest),
        ("tuned", lambda *_: Best(Params(rounds=9, seed=7), 0.12, 2)),
        ("compared", lambda _best, _usual, trials, _seed: Found(trials, 0.12, 0.13, gained)),
    ):
        monkeypatch.setattr(training.train, name, replaced)
    warehouse = opened(world(), tmp_path / "tables")
    one = train_outcome(warehouse, company.data, replace(company.run, trials=40), "churn", tmp_path / "home")
    warehouse.close()
    assert one.search == Found(2, 0.12, 0.13, gained)
    (record,) = records
    told = {name: record.params[name] for name in ("rounds", "trials", "trials_asked", "trials_chosen")}
    assert told == {"rounds": 9 if better else 6, "trials": 2, "trials_asked": 40, "trials_chosen": better}
    card = str(record.files["card.md"])
    assert ("the best of 2 trials: rounds 9" in card) == better
    assert ("as without a search, for of 2 trials none was better beyond chance: rounds 6" in card) == (not better)
    assert "40" not in card.split("Parameters, ")[1].split(":")[0]


def test_a_sliding_window_is_that_of_the_model_that_serves_and_said_on_its_card(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Record] = []

    def registered(_: Path, record: Record) -> Registered:
        records.append(record)
        return Registered("1", "card.md")

    monkeypatch.setattr(training.train, "register", registered)
    monkeypatch.setattr(training.train, "backtest", lambda *_: company.trained["churn"].backtest)
    warehouse = opened(world(), tmp_path / "tables")
    data = replace(company.data, window_days=100)
    train_outcome(warehouse, data, company.run, "churn", tmp_path / "home")
    warehouse.close()
    dates = data.frame["as_of"]
    rows = data.frame[dates > dates.max() - timedelta(days=100)]
    (record,) = records
    assert record.model.base_rate == rows["churn"].mean() != data.frame["churn"].mean()
    assert record.params["window_days"] == 100
    told = f"alone: the one that serves from {len(rows):,} rows, {rows['as_of'].min().date()} to {dates.max().date()}."
    assert f"Each model learnt from dates of 100 days {told}" in str(record.files["card.md"])


def test_a_run_learns_no_outcome_from_days_after_the_tables_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def none_matured(_: Warehouse, __: int, until: date, **___: object) -> Dataset:
        asked.append(until)
        raise DatasetError("none has matured")

    monkeypatch.setattr(training.train, "dataset", none_matured)
    warehouse = opened(world(), tmp_path / "tables")
    (one,) = train(warehouse, TrainingRun(AS_OF, ("churn",)), tmp_path / "home")
    warehouse.close()
    assert (asked, one.refused) == ([day(399)], ("none has matured",))


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_command_refuses_a_leak_with_status_one_and_says_what_to_do(
    company: Company,
    living: Path,
    tmp_path: Path,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", living, "--until", UNTIL, "--outcome", "churn", "--home", tmp_path / "home"]
    monkeypatch.setattr(sys, "argv", ["tenure", *map(str, words), *(["--json"] if form == "json" else [])])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    told = json.loads(said.out)[0]["refused"] if form == "json" else said.out
    assert "usage has rows of an account" in str(told)
    assert "--allow-leaks" in str(told)
    assert "Traceback" not in said.err
    assert company.trained["churn"].version is not None


def test_an_unknown_outcome_is_refused_before_any_work(tmp_path: Path) -> None:
    warehouse = open_warehouse(str(written(world(), tmp_path / "tables")), loaded_on=LOADED_ON)
    with pytest.raises(OutcomeError, match="'joy' is not known; expected one of churn"):
        train(warehouse, TrainingRun(UNTIL, ("churn", "joy")), tmp_path / "home")
    warehouse.close()
    assert not (tmp_path / "home").exists()


def test_a_fingerprint_changes_with_any_cell_and_the_order_of_rows(company: Company) -> None:
    frame = company.data.frame.head(20)
    assert fingerprint(frame) == fingerprint(frame.copy())
    assert len(fingerprint(frame)) == 16
    for changed in (
        frame.iloc[::-1],
        frame.assign(arr=frame["arr"].where(frame.index > 0, 1e9)),
        frame.drop(columns="arr"),
        frame.rename(columns={"arr": "mrr"}),
        frame.assign(churn=~frame["churn"].astype(bool)),
    ):
        assert fingerprint(changed) != fingerprint(frame)
