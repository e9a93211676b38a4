"""Scores of record: every run is kept, the latest run of a date speaks. The only door to the database."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import DatabaseError, OperationalError

from features.catalogue import CATALOGUE, FAMILY_OF, UNITS
from features.feature import sentence, spoken
from serving.brief import Brief, Evidence
from serving.entries import brief_entries, brief_from, score_entries, score_from
from serving.score import Score
from serving.scoring import Scoring

_METADATA = MetaData()


_RUNS = Table(
    "runs",
    _METADATA,
    Column("run_id", Integer, primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("made_at", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("outcomes", Text, nullable=False),
    Column("withheld", Text, nullable=False),
    Column("noticed", Text, nullable=False),
    Column("noticed_arr", Float, nullable=False),
    Index("runs_by_date", "as_of", "run_id"),
)

_ACCOUNTS = Table(
    "accounts",
    _METADATA,
    Column("run_id", Integer, ForeignKey("runs.run_id"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("brief", Text, nullable=False),
    Column("facts", Text, nullable=False),
)

_SCORES = Table(
    "scores",
    _METADATA,
    Column("run_id", Integer, ForeignKey("runs.run_id"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("horizon_days", Integer, primary_key=True),
    Column("probability", Float, nullable=False),
    Column("tier", String, nullable=False),
    Column("arr", Float, nullable=False),
    Column("arr_at_stake", Float, nullable=False),
    Column("coverage", Float, nullable=False),
    Column("model_version", String, nullable=False),
    Column("base", Float, nullable=False),
    Column("drivers", Text, nullable=False),
    Column("playbooks", Text, nullable=False),
    Column("low", Float),
    Column("high", Float),
    Column("ahead", Text),
    Column("by_renewal", Float),
    Column("held_out", Boolean),
    Index("scores_by_account", "account_id", "run_id"),
)


@dataclass(frozen=True)
class Run:
    """One run of scores of record. `withheld` says per outcome without a champion why there is not enough to say."""

    run_id: int
    as_of: date
    outcomes: tuple[str, ...]
    withheld: dict[str, str]
    noticed: tuple[str, ...]
    noticed_arr: float


@dataclass(frozen=True)
class Ledger:
    """The database under a home directory (SQLite), made on first use."""

    engine: Engine

    def record(self, scoring: Scoring, withheld: dict[str, str]) -> int:
        """Keeps a run and returns its id, all or nothing; the same scores again are the run that was kept before."""
        scores, briefs = score_entries(scoring.scores), brief_entries(scoring)
        told = [scores, briefs, withheld, scoring.noticed, scoring.noticed_arr]
        fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        with self.engine.begin() as connection:
            latest = _latest(scoring.as_of)
            found = connection.execute(
                select(_RUNS.c.run_id, _RUNS.c.fingerprint).where(_RUNS.c.run_id == latest)
            ).first()
            if found is not None and found.fingerprint == fingerprint:
                return int(found.run_id)
            made = connection.execute(
                _RUNS.insert().values(
                    as_of=scoring.as_of,
                    made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    fingerprint=fingerprint,
                    outcomes=json.dumps(sorted({score.outcome for score in scoring.scores})),
                    withheld=json.dumps(withheld),
                    noticed=json.dumps(scoring.noticed),
                    noticed_arr=scoring.noticed_arr,
                )
            )
            run_id = int((made.inserted_primary_key or (0,))[0])
            if briefs:
                connection.execute(_ACCOUNTS.insert(), [{"run_id": run_id} | row for row in briefs])
            if scores:
                connection.execute(_SCORES.insert(), [{"run_id": run_id} | row for row in scores])
        return run_id

    def latest_run(self) -> Run | None:
        """The run that speaks: the newest date, and of that the newest run; None before the first."""
        query = select(_RUNS).order_by(_RUNS.c.as_of.desc(), _RUNS.c.run_id.desc()).limit(1)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Run(
            run_id=row.run_id,
            as_of=row.as_of,
            outcomes=tuple(json.loads(row.outcomes)),
            withheld=json.loads(row.withheld),
            noticed=tuple(json.loads(row.noticed)),
            noticed_arr=row.noticed_arr,
        )

    def briefs(self, run: Run) -> list[Brief]:
        """Every brief of a run, without evidence, in order of account id."""
        query = select(_SCORES).where(_SCORES.c.run_id == run.run_id).order_by(_SCORES.c.outcome)
        about = select(_ACCOUNTS.c.brief).where(_ACCOUNTS.c.run_id == run.run_id).order_by(_ACCOUNTS.c.account_id)
        with self.engine.connect() as connection:
            scores: dict[str, list[Score]] = {}
            for row in connection.execute(query):
                scores.setdefault(row.account_id, []).append(score_from(row, run.as_of))
            documents = [json.loads(kept) for kept in connection.execute(about).scalars()]
        return [
            brief_from(document, tuple(scores.get(document["account_id"], ())), run.as_of) for document in documents
        ]

    def evidence(self, run: Run, account_id: str) -> tuple[Evidence, ...]:
        """What was known of an account in a run, one row a feature of the catalogue, in words."""
        query = select(_ACCOUNTS.c.facts).where(_ACCOUNTS.c.run_id == run.run_id, _ACCOUNTS.c.account_id == account_id)
        with self.engine.connect() as connection:
            kept = connection.execute(query).scalar()
        facts: dict[str, object] = json.loads(kept) if kept else {}
        return tuple(
            Evidence(
                family=FAMILY_OF[name],
                feature=name,
                label=feature.label,
                value=spoken(facts.get(name), feature.unit),
                words=sentence(feature, facts, UNITS),
            )
            for name, feature in CATALOGUE.items()
        )

    def history(self, account_id: str) -> list[Score]:
        """An account's scores of record over time, oldest first: of each date the run that speaks."""
        newest = select(func.max(_RUNS.c.run_id)).group_by(_RUNS.c.as_of)
        query = (
            select(_SCORES, _RUNS.c.as_of)
            .join(_RUNS, _RUNS.c.run_id == _SCORES.c.run_id)
            .where(_SCORES.c.account_id == account_id, _SCORES.c.run_id.in_(newest))
            .order_by(_RUNS.c.as_of, _SCORES.c.outcome)
        )
        with self.engine.connect() as connection:
            return [score_from(row, row.as_of) for row in connection.execute(query)]


def open_ledger(home: Path) -> Ledger:
    """The ledger under `home`; readers do not wait for a writer. `OSError` if it cannot be used."""
    home.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{home / 'ledger.db'}")

    @event.listens_for(engine, "handle_error")
    def _failed(fault: ExceptionContext) -> None:
        if type(fault.sqlalchemy_exception) in (OperationalError, DatabaseError):
            cure = "Is there room on the disk, may it be written, is it whole? What it kept before stays as it was"
            raise OSError(f"{engine.url.database}, the ledger, cannot be used: {fault.original_exception}. {cure}")

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 10000")

    _METADATA.create_all(engine)
    _grow(engine)
    return Ledger(engine)


def _grow(engine: Engine) -> None:
    """Adds the columns that a ledger of an earlier version lacks; they may be null, and what it kept stays as it is."""
    for table in _METADATA.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        with engine.begin() as connection:
            for column in table.columns:
                if column.name not in there:
                    kind = column.type.compile(engine.dialect)
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))


def _latest(as_of: date) -> Any:
    return select(func.max(_RUNS.c.run_id)).where(_RUNS.c.as_of == as_of).scalar_subquery()
