"""The ledger keeps every run; the newest of a date speaks, and the newest date of all."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from features.catalogue import CATALOGUE
from serving.ledger import Ledger, open_ledger
from serving.score import Ahead
from serving.scoring import Scoring
from tests.conftest import LATER, UNTIL, Company


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


@pytest.fixture
def scoring(company: Company) -> Scoring:
    """Five accounts of the first day."""
    whole = company.scorings[UNTIL]
    return replace(whole, briefs=whole.briefs[:5], table=whole.table.head(5))


def moved(scoring: Scoring, days: int = 0, add: float = 0.0) -> Scoring:
    """The same accounts on another day, with other probabilities."""
    as_of = scoring.as_of + timedelta(days=days)
    briefs = tuple(
        replace(
            brief,
            as_of=as_of,
            scores=tuple(replace(one, as_of=as_of, probability=one.probability + add) for one in brief.scores),
        )
        for brief in scoring.briefs
    )
    return replace(scoring, as_of=as_of, briefs=briefs)


def runs(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM runs")).scalar_one())


def test_an_empty_ledger_has_no_run(ledger: Ledger) -> None:
    assert ledger.latest_run() is None
    assert ledger.history("a") == []


def test_what_is_recorded_is_read_back_as_it_was(ledger: Ledger, scoring: Scoring) -> None:
    run_id = ledger.record(scoring, {"contraction": "nobody promoted it"})
    run = ledger.latest_run()
    assert run is not None
    assert run.run_id == run_id
    assert run.as_of == UNTIL
    assert run.outcomes == ("churn", "expansion")
    assert run.withheld == {"contraction": "nobody promoted it"}
    assert run.noticed == scoring.noticed
    assert run.noticed_arr == scoring.noticed_arr
    assert tuple(ledger.briefs(run)) == scoring.briefs


def test_what_earlier_versions_said_of_a_horizon_without_an_interval_is_read(ledger: Ledger, scoring: Scoring) -> None:
    run_id = ledger.record(scoring, {})
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE scores SET ahead = :said"), {"said": '{"30": 0.2, "90": 0.4}'})
    run = ledger.latest_run()
    assert run is not None
    assert run.run_id == run_id
    assert ledger.briefs(run)[0].scores[0].ahead == {30: Ahead(0.2, 0.2, 0.2), 90: Ahead(0.4, 0.4, 0.4)}


def test_the_same_scores_again_are_the_same_run(ledger: Ledger, scoring: Scoring) -> None:
    first = ledger.record(scoring, {})
    assert ledger.record(scoring, {}) == first
    assert runs(ledger) == 1
    second = ledger.record(scoring, {"contraction": "now withheld", "joy": "unknown"})
    assert second != first
    assert ledger.record(scoring, {"joy": "unknown", "contraction": "now withheld"}) == second
    assert runs(ledger) == 2


def test_who_has_given_notice_is_part_of_what_a_run_told(ledger: Ledger, scoring: Scoring) -> None:
    first = ledger.record(scoring, {})
    assert ledger.record(replace(scoring, noticed_arr=scoring.noticed_arr + 1), {}) > first
    assert ledger.record(replace(scoring, noticed=(*scoring.noticed, "one more")), {}) > first
    run = ledger.latest_run()
    assert run is not None
    assert run.noticed[-1] == "one more"


def test_scores_that_return_to_what_they_were_are_a_run_of_their_own(ledger: Ledger, scoring: Scoring) -> None:
    first, second, third = (ledger.record(moved(scoring, add=add), {}) for add in (0.0, 0.001, 0.0))
    assert first < second < third


def test_the_newest_run_of_the_newest_date_speaks(ledger: Ledger, scoring: Scoring) -> None:
    ledger.record(moved(scoring, days=7), {})
    ledger.record(moved(scoring, days=7, add=0.001), {})
    ledger.record(moved(scoring, days=-7), {})
    run = ledger.latest_run()
    assert run is not None
    assert run.as_of == UNTIL + timedelta(days=7)
    assert ledger.briefs(run)[0].scores == moved(scoring, days=7, add=0.001).briefs[0].scores


def test_history_is_oldest_first_with_one_run_a_date(ledger: Ledger, scoring: Scoring) -> None:
    for days, add in ((7, 0.0), (0, 0.0), (7, 0.001), (-7, 0.0)):
        ledger.record(moved(scoring, days, add), {})
    account = scoring.briefs[0].account_id
    past = ledger.history(account)
    assert [(one.as_of, one.outcome) for one in past] == [
        (UNTIL + timedelta(days=days), outcome) for days in (-7, 0, 7) for outcome in ("churn", "expansion")
    ]
    assert past[-2] == moved(scoring, 7, 0.001).briefs[0].scores[0]
    assert {one.account_id for one in past} == {account}
    assert ledger.history("nobody") == []


def test_an_account_that_dropped_out_of_a_later_run_of_the_date_is_not_spoken_of(
    ledger: Ledger, scoring: Scoring
) -> None:
    ledger.record(scoring, {})
    ledger.record(replace(scoring, briefs=scoring.briefs[1:], table=scoring.table.tail(4)), {})
    assert ledger.history(scoring.briefs[0].account_id) == []
    assert len(ledger.history(scoring.briefs[1].account_id)) == 2


def test_a_run_is_kept_whole_or_not_at_all(ledger: Ledger, scoring: Scoring) -> None:
    twice = replace(scoring, briefs=scoring.briefs * 2, table=scoring.table.loc[[*range(5), *range(5)]])
    with pytest.raises(IntegrityError):
        ledger.record(twice, {})
    assert ledger.latest_run() is None
    assert runs(ledger) == 0


def test_a_ledger_that_is_full_or_no_database_is_told_in_one_line(
    ledger: Ledger, scoring: Scoring, tmp_path: Path
) -> None:
    ledger.record(scoring, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"ledger.db, the ledger, cannot be used: .* room on the disk") as told:
            ledger.record(moved(scoring, add=0.01), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert scoring.briefs[0].account_id not in str(told.value)
    assert runs(ledger) == 1
    (tmp_path / "spoilt").mkdir()
    (tmp_path / "spoilt" / "ledger.db").write_text("no database", encoding="utf-8")
    with pytest.raises(OSError, match="file is not a database"):
        open_ledger(tmp_path / "spoilt")


def test_evidence_tells_every_feature_and_calls_the_unknown_unknown(ledger: Ledger, scoring: Scoring) -> None:
    ledger.record(scoring, {})
    run = ledger.latest_run()
    assert run is not None
    told = ledger.evidence(run, scoring.briefs[0].account_id)
    assert [row.feature for row in told] == list(CATALOGUE)
    facts = scoring.table.iloc[0]
    for row in told:
        known = facts[row.feature] is not None and facts[row.feature] == facts[row.feature]
        assert (row.value == "unknown") is not known, row
        assert "nan" not in row.words.split()
    assert {row.value for row in ledger.evidence(run, "nobody")} == {"unknown"}


def test_ids_and_names_of_any_kind_are_kept(ledger: Ledger, scoring: Scoring) -> None:
    hostile = 'a/b\'; DROP TABLE runs; -- "🦊" %2F'
    brief = scoring.briefs[0]
    brief = replace(
        brief, account_id=hostile, name=hostile, scores=tuple(replace(one, account_id=hostile) for one in brief.scores)
    )
    ledger.record(replace(scoring, briefs=(brief,), table=scoring.table.head(1)), {})
    run = ledger.latest_run()
    assert run is not None
    assert ledger.briefs(run) == [brief]
    assert len(ledger.history(hostile)) == 2


def test_a_ledger_opened_again_holds_the_same(tmp_path: Path, scoring: Scoring) -> None:
    open_ledger(tmp_path).record(scoring, {})
    run = open_ledger(tmp_path).latest_run()
    assert run is not None
    assert run.as_of == UNTIL


def test_a_ledger_of_an_earlier_version_gains_the_columns_that_it_lacks(tmp_path: Path, scoring: Scoring) -> None:
    early = open_ledger(tmp_path)
    early.record(scoring, {})
    with early.engine.begin() as connection:
        connection.execute(text("ALTER TABLE scores DROP COLUMN by_renewal"))
    ledger = open_ledger(tmp_path)
    account = scoring.briefs[0].account_id
    assert {one.by_renewal for one in ledger.history(account)} == {None}
    ledger.record(moved(scoring, days=7), {})
    assert ledger.history(account)[2:] == list(moved(scoring, days=7).briefs[0].scores)


def test_the_companys_ledger_holds_both_days(company: Company) -> None:
    ledger = open_ledger(company.home)
    run = ledger.latest_run()
    assert run is not None
    assert run.as_of == LATER
    assert tuple(ledger.briefs(run)) == company.scorings[LATER].briefs
    assert set(run.withheld) == {"contraction"}
