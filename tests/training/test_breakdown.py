"""How good a model was by period and group: counts of all, measures with intervals where enough came."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest

from tests.conftest import Company
from training.backtest import SERVED, Backtest
from training.breakdown import DOUBTED, breakdown, measures, part_lines
from training.lead import early
from training.weaknesses import profit_of
from training.worth import MIN_SAID, groups, intervals


@pytest.fixture(scope="module")
def result(company: Company) -> Backtest:
    found = company.trained["churn"].backtest
    assert found is not None
    return found


def test_every_measure_of_every_part_lies_beside_the_card(result: Backtest) -> None:
    broken = breakdown(result)
    table = pd.read_csv(io.StringIO(measures(result, broken)), index_col="of")
    found = groups(result.rows, SERVED)
    assert len(table) == 1 + len(result.folds) + len(result.ahead) + len(found)
    assert {name: part.metrics for name, part in broken.groups.items()} == pytest.approx(found, nan_ok=True)
    assert [part.metrics for part in broken.periods.values()] == list(result.by_fold)
    for name, one in {"all": result.metrics["tenure"], **found}.items():
        assert table.loc[name, "accounts"] == one.accounts
        if one.accounts < MIN_SAID:
            assert table.loc[name, "roc_auc":].isna().all()
        else:
            told = table.loc[name, list(vars(one))].to_dict()
            assert told == pytest.approx(vars(one), nan_ok=True)
    assert table.loc["all", "profit"] == pytest.approx(profit_of(result, "tenure"))


def test_a_group_has_intervals_profit_and_lead_of_its_own(result: Backtest) -> None:
    left = result.rows["account_id"].isin(result.rows.loc[result.rows["happened"] > 0, "account_id"])
    young = left | (result.rows["tenure_days"] % 2 == 0)
    found = replace(result, rows=result.rows.assign(tenure_days=young.map({True: 1, False: 9_999})))
    rows = found.rows[young]
    assert len(rows) < len(result.rows)
    table = pd.read_csv(io.StringIO(measures(found, breakdown(found))), index_col="of")
    told = table.loc["first year"].to_dict()
    for label, one in intervals(rows, SERVED, 0, DOUBTED).items():
        assert [told[f"{label} low"], told[f"{label} high"]] == pytest.approx([one.low, one.high])
        assert one.low < one.value < one.high
    assert told["profit"] == pytest.approx(profit_of(result, "tenure", rows))
    spans = {f"seen {span} before": one for span, one in early(rows, "churn", SERVED).items()}
    assert any(one.accounts >= MIN_SAID for one in spans.values())
    for span, seen in spans.items():
        if seen.accounts >= MIN_SAID:
            assert told[span] == pytest.approx(seen.share)


@pytest.mark.parametrize("few", [True, False])
def test_where_the_outcome_came_to_few_accounts_counts_alone_are_said(result: Backtest, few: bool) -> None:
    left = result.rows.loc[result.rows["happened"] > 0, "account_id"].unique()[: MIN_SAID - few]
    happened = result.rows["happened"].where(result.rows["account_id"].isin(left), 0.0)
    found = replace(result, rows=result.rows.assign(happened=happened, tenure_days=1))
    broken = breakdown(found)
    part = broken.groups["first year"]
    assert part.metrics.accounts == len(left)
    assert part.said != few
    (line,) = [line for line in part_lines(broken) if line.startswith("| first year ")]
    assert ("too few" in line) == few
    row = pd.read_csv(io.StringIO(measures(found, broken)), index_col="of").loc["first year"]
    assert row["rows":"expected"].notna().all()
    assert row["roc_auc":"captured"].isna().all() == few
    assert row["log loss low":"profit"].isna().all() == few
