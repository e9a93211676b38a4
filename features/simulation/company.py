"""An invented SaaS company, lived through week by week and written down as the source tables."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.simulation.billing import Billing
from features.simulation.clock import Floats, Ints, Streams, Window
from features.simulation.contracts import Contracts
from features.simulation.deals import Deals
from features.simulation.decisions import Decisions
from features.simulation.engagement import Engagement
from features.simulation.journal import Journal
from features.simulation.layout import LAYOUT
from features.simulation.people import People
from features.simulation.roster import Register, draw_roster
from features.simulation.success import Success
from features.simulation.support import Support
from features.simulation.truth import Truth, TruthKeeper
from features.simulation.usage import Usage
from features.simulation.voice import Voice
from features.simulation.week import Week
from features.simulation.whispers import Whispers
from features.simulation.world import World

FEWEST_ACCOUNTS: Final = 20
FEWEST_MONTHS: Final = 6
_MARKER: Final = "simulation.json"
_SETTLING_WEEKS = 40

Progress = Callable[[float, str], None]


class SimulationError(ValueError):
    """The simulation cannot be run as asked, or would overwrite something that is not its own."""


class Company:
    """Everybody who writes rows, in the order in which a week is lived."""

    def __init__(self, accounts: int, months: int, seed: int, window: Window) -> None:
        streams = Streams(seed)
        roster = draw_roster(streams, window, accounts, months)
        journal = Journal()
        self.window, self.roster, self.journal = window, roster, journal
        self.world = World(roster.segment, roster.industry, streams)
        self.contracts = Contracts(roster, streams, journal)
        self.register = Register(roster, streams, journal)
        self.decisions = Decisions(roster, self.contracts, streams)
        self.deals = Deals(roster, self.contracts, self.decisions, streams, journal)
        self.usage = Usage(roster, streams, journal)
        self.people = People(roster, streams, journal)
        self.success = Success(roster, streams, journal, self.usage.allowance)
        self.engagement = Engagement(roster, self.people, streams, journal)
        self.support = Support(roster, streams, journal)
        self.voice = Voice(roster, self.register, self.people, self.support, streams, journal)
        self.billing = Billing(roster, self.usage, streams, journal)
        self.whispers = Whispers(roster, self.register, streams, journal)
        self.keeper = TruthKeeper(window)

    def begin(self) -> None:
        """Writes what is known when the window opens."""
        opens = self.window.opens
        incumbents = np.arange(self.roster.incumbents)
        self.register.enter(incumbents, self.roster.signs_at[incumbents])
        self.contracts.begin(opens)
        self.world.settle(incumbents, _SETTLING_WEEKS)
        self._enter(incumbents, self.roster.signs_at[incumbents], opens, key=-1)

    def live(self, number: int) -> None:
        """Lives a week: states move, decisions fall, everybody writes down what they can
        see.
        """
        opens = self.window.opens + 7 * number
        self.journal.turn(opens)
        week = self._week(number, opens)
        self.keeper.note(week, self.decisions.hazard(week))
        choices = self.decisions.live(week)
        self.deals.live(week, choices)
        week = self._seen(week)
        for witness in (self.usage, self.people, self.success, self.engagement, self.support):
            witness.live(week)
        for reporter in (self.voice, self.billing, self.whispers, self.register):
            reporter.live(week)
        self._admit(number, opens)

    def _admit(self, number: int, opens: float) -> None:
        """Signs accounts one by one at the end of a week: later arrivals never touch what others draw or are
        called.
        """
        for account in self.contracts.arrivals(opens + 7):
            arriving = np.array([account])
            key = number * 1_000_000 + int(account)
            is_new = self.contracts.row[account] < 0
            signed = self.contracts.sign(arriving, opens, key)
            if is_new:
                self.register.enter(arriving, signed)
            self.world.enter(arriving)
            self._enter(arriving, signed, opens, key)

    def _enter(self, accounts: Ints, signed: Floats, opens: float, key: int) -> None:
        self.people.enter(accounts, signed, opens, key)
        self.success.enter(accounts, signed, self.contracts.plan[accounts], opens, key)
        self.usage.enter(accounts, signed, opens)
        self.billing.enter(accounts, self.contracts.since[accounts], opens)

    def _week(self, number: int, opens: float) -> Week:
        served = self.contracts.served(opens)
        age = np.maximum(0.0, (opens - self.contracts.since[served]) / 7)
        shocks = self.world.step(number, served, age)
        arr, seats, term_end = self.contracts.present(opens)
        return Week(
            number=number,
            opens=opens,
            accounts=served,
            states=self.world.states.copy(),
            trend=self.world.trend.copy(),
            shocks=shocks,
            since=self.contracts.since.copy(),
            until=self.contracts.until.copy(),
            leaving=self.contracts.leaving(opens),
            seats=seats,
            arr=arr,
            plan=self.contracts.plan.copy(),
            term_end=term_end,
        )

    def _seen(self, week: Week) -> Week:
        """The same week for those who watch: without the time after a stop that was decided in it."""
        return Week(**{**vars(week), "until": self.contracts.until.copy()})


def simulate(
    directory: Path,
    *,
    accounts: int = 1500,
    months: int = 24,
    seed: int = 7,
    end: date = date(2026, 10, 1),
    progress: Progress | None = None,
) -> Truth:
    """Writes `<directory>/<table>.parquet` for each table and `<directory>/truth/*.parquet`.

    The same arguments give byte-identical files. A run that ends later, with the same start and the same
    number of accounts at the start, tells the same story up to the earlier end. An earlier simulation in
    `directory` is replaced at the very end; anything else there is left alone.

    `progress` is called with the share done (0 to 1) and what is being done. Raises SimulationError for
    fewer than 20 accounts, fewer than 6 months, or a directory with other files in it.
    """
    directory = directory.absolute()
    _check(directory, accounts, months)
    window = Window.ending(end, months)
    company = Company(accounts, months, seed, window)
    tell = progress or _quiet
    company.begin()
    for number in range(window.weeks):
        tell(0.8 * number / window.weeks, f"week {number + 1} of {window.weeks}")
        company.live(number)
    company.deals.finish(window.closes)
    stamp = {"accounts": accounts, "months": months, "seed": seed, "end": end.isoformat()}
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as aside:
        fresh = Path(aside) / "fresh"
        truth = _write(company, fresh, directory, stamp, tell)
        if directory.exists():
            directory.rename(Path(aside) / "former")
        fresh.rename(directory)
    tell(1.0, "done")
    return truth


def _quiet(share: float, doing: str) -> None:
    """Tells nobody."""
    del share, doing


def _check(directory: Path, accounts: int, months: int) -> None:
    if accounts < FEWEST_ACCOUNTS:
        raise SimulationError(
            f"expected at least {FEWEST_ACCOUNTS} accounts, found {accounts}: ask for more, rates need a population"
        )
    if months < FEWEST_MONTHS:
        raise SimulationError(
            f"expected at least {FEWEST_MONTHS} months, found {months}: ask for a longer window, "
            "a shorter one holds no renewal to learn from"
        )
    if directory.exists() and not directory.is_dir():
        raise SimulationError(f"expected a directory, found the file {directory}: name another place")
    if not directory.exists():
        return
    ours = {"truth", *(f"{table}.parquet" for table in LAYOUT)}
    foreign = sorted(entry.name for entry in directory.iterdir() if entry.name not in ours)
    simulated = (directory / "truth" / _MARKER).is_file()
    if foreign or (any(directory.iterdir()) and not simulated):
        found = ", ".join(foreign[:3]) or "tables without the mark of a simulation"
        raise SimulationError(
            f"expected an empty directory or an earlier simulation in {directory}, found {found}: "
            "name another directory or move these files away"
        )


def _write(company: Company, fresh: Path, directory: Path, stamp: dict[str, object], tell: Progress) -> Truth:
    (fresh / "truth").mkdir(parents=True)
    rows: dict[str, int] = {}
    for number, table in enumerate(LAYOUT):
        tell(0.8 + 0.2 * number / len(LAYOUT), f"writing {table}")
        content = company.journal.table(table, company.window.closes)
        rows[table] = content.num_rows
        pq.write_table(content, fresh / f"{table}.parquet")
    churns, states, expansions = company.keeper.tables(company.decisions)
    for name, frame in (("churns", churns), ("states", states), ("expansions", expansions)):
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), fresh / "truth" / f"{name}.parquet")
    (fresh / "truth" / _MARKER).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    return Truth(directory, company.window.start, company.window.end, rows, churns, states, expansions)
