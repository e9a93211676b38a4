"""A hold-out is drawn once, at random, and kept: its accounts get no playbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.warehouse import open_warehouse
from serving.holdout import HoldOut, HoldOutError, draw, hold_out
from serving.playbooks import load_playbooks
from serving.score import scores_frame
from serving.scoring import score
from serving.tiers import load_tiers
from tests.conftest import LOADED_ON, UNTIL, Company
from training.registry import champion


def test_so_many_are_held_out_and_always_the_same() -> None:
    ids = [f"acc-{number}" for number in range(20_000)]
    held = [HoldOut(0.1, 7).holds(one) for one in ids]
    assert 0.09 < sum(held) / len(held) < 0.11
    assert held == [HoldOut(0.1, 7).holds(one) for one in ids]
    assert held != [HoldOut(0.1, 8).holds(one) for one in ids]
    assert all(HoldOut(0.2, 7).holds(one) for one, inside in zip(ids, held, strict=True) if inside)


def test_a_draw_is_kept_and_not_drawn_again(tmp_path: Path) -> None:
    assert hold_out(tmp_path) is None
    assert draw(tmp_path, 0.1, 7) == hold_out(tmp_path) == draw(tmp_path, 0.1, 7)
    with pytest.raises(HoldOutError, match=r"a hold-out of 0\.1 with seed 7 is kept in .*remove that file"):
        draw(tmp_path, 0.2, 7)
    assert hold_out(tmp_path) == HoldOut(0.1, 7)


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, 1.0, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(HoldOutError, match="expected a share over 0"):
        draw(tmp_path, share, 7)
    assert hold_out(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"share": 0.1}', '{"share": 0.1, "seed": 7, "more": 1}'])
def test_a_corrupted_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "holdout.json").write_text(content)
    with pytest.raises(HoldOutError, match=r"holdout\.json is corrupted"):
        hold_out(tmp_path)


def test_who_is_held_out_gets_the_same_scores_and_no_playbook(company: Company) -> None:
    model = champion(company.home, "churn")
    assert model is not None
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    held = HoldOut(0.5, 7)
    plain, experiment = (
        score(warehouse, UNTIL, [model], load_playbooks(), load_tiers(), held=one).scores for one in (None, held)
    )
    warehouse.close()
    assert [one.probability for one in plain] == [one.probability for one in experiment]
    for one, other in zip(plain, experiment, strict=True):
        assert other.held_out is held.holds(one.account_id)
        assert other.playbooks == (() if other.held_out else one.playbooks)
    assert any(one.playbooks and other.held_out for one, other in zip(plain, experiment, strict=True))
    assert scores_frame(experiment)["held_out"].mean() == pytest.approx(0.5, abs=0.15)
