"""Yesterday's state: the checked tables of an embedded engine, kept in one DuckDB file so that only news is read.

A table is read again when its files, its declaration, its mapping or the accounts that it speaks of have changed. Of
a source whose rows have no key (usage), only the files that are new or changed are. Everything is one transaction:
after a crash the file holds what it held before.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir

from features.check import PREMATURE, UNKNOWN_ACCOUNT, Counts, counted, judged
from features.engine import Engine
from features.given import Given, WarehouseError
from features.kept import code_of, digest
from features.source import Source

WAIT_SECONDS = 60
STEP_SECONDS = 0.5
"""So long, and in such steps, is waited for another process that uses the file."""

_WHOLE = ""
"""The part of all rows of a table that is read as one."""

_CODE = ("check.py", "cast.py", "engine.py", "source.py", "sources.py", "given.py", "store.py")
"""What decides how a row is read; another version of it reads all rows again."""


@dataclass(frozen=True)
class Store:
    """One state file, attached to an engine as `kept` while it is written and read."""

    engine: Engine
    path: Path
    loaded_on: date

    @contextmanager
    def written(self) -> Iterator[None]:
        """All that is kept within becomes durable at once, or none of it; afterwards the file is only read."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._attach()
        self._run("SET preserve_insertion_order = true")
        self._run("BEGIN")
        whole = False
        try:
            self._run("CREATE TABLE IF NOT EXISTS kept.loads (source TEXT PRIMARY KEY, state TEXT)")
            self._run(
                'CREATE TABLE IF NOT EXISTS kept.counts (source TEXT PRIMARY KEY, "rows" BIGINT, bad BIGINT, '
                '"first" DATE, "last" DATE)'
            )
            yield
            whole = True
        finally:
            self._run("COMMIT" if whole else "ROLLBACK")
        self._run("DETACH kept")
        self._run("SET preserve_insertion_order = false")
        self._attach("(READ_ONLY)")

    def table(self, source: Source) -> ir.Table:
        """The checked rows of a source, the bad ones among them."""
        self._run(f"CREATE OR REPLACE TEMP VIEW checked_{source.name} AS FROM kept.checked_{source.name}")
        return self.engine.connection.table(f"checked_{source.name}").drop("part")

    def counts(self, source: Source, checked: ir.Table) -> Counts:
        """What the checked table of a source holds, counted once after each change of it."""
        columns = 'SELECT "rows", bad, "first", "last" FROM kept.counts'
        if kept := self._run(f"{columns} WHERE source = {_quoted(source.name)}").fetchall():
            return Counts(*kept[0])
        found = counted(self.engine, checked)
        days = ", ".join("NULL" if day is None else _quoted(day.isoformat()) for day in (found.first, found.last))
        self._run(f"INSERT INTO kept.counts VALUES ({_quoted(source.name)}, {found.rows}, {found.bad}, {days})")
        return found

    def keep(self, source: Source, given: Given, accounts: ir.Table | None, known_as: str) -> str:
        """Brings the checked table of a source up to date; a name of its state.

        `known_as` names the state of the accounts that the rows are held against.
        """
        before = self._state(source)
        parts = {name: _stamp(path) for name, path in given.files.items()}
        held_against = "" if not source.key and source.event else known_as
        base = digest(source, given.said, code_of(_CODE), duckdb.__version__, held_against)
        now = {"base": base, "parts": parts, "accounts": known_as, "loaded_on": self.loaded_on.isoformat()}
        alike = before is not None and before["base"] == base and before["loaded_on"] <= now["loaded_on"]
        if before is not None and alike:
            stale = self._premature(source) if before["loaded_on"] < now["loaded_on"] else set()
            news = {name for name, stamp in parts.items() if before["parts"].get(name) != stamp or name in stale}
            gone = set(before["parts"]) - set(parts) | (news & set(before["parts"]))
            moved = before["accounts"] != known_as
            if not news and not gone and not moved and _WHOLE not in stale:
                return digest(before["base"], before["parts"])
            if not source.key and given.only is not None and self._renewed(source, given, accounts, news, gone):
                if moved and accounts is not None:
                    self._held_against(source, accounts)
                return self._remember(source, now)
        rows = judged(self.engine, given.rows, source, accounts, self.loaded_on)
        if given.only is None or source.key:
            self._run(
                f"CREATE OR REPLACE TABLE kept.checked_{source.name} AS "
                f"SELECT *, {_quoted(_WHOLE)} AS part FROM ({self._sql(rows)})"
            )
        else:
            described = self._run(f"DESCRIBE SELECT *, '' AS part FROM ({self._sql(rows)})").fetchall()
            columns = ", ".join(f'"{name}" {kind}' for name, kind, *_ in described)
            self._run(f"CREATE OR REPLACE TABLE kept.checked_{source.name} ({columns})")
            self._add(source, given, accounts, parts)
        return self._remember(source, now)

    def _renewed(self, source: Source, given: Given, accounts: ir.Table | None, news: set[str], gone: set[str]) -> bool:
        """Replaces the rows of some files; False if the new ones have a column that the table lacks."""
        kept = {row[0] for row in self._run(f"DESCRIBE kept.checked_{source.name}").fetchall()}
        if not {column.name for column in source.columns} & set(given.rows.columns) <= kept:
            return False
        for name in sorted(gone):
            self._run(f"DELETE FROM kept.checked_{source.name} WHERE part = {_quoted(name)}")
        self._add(source, given, accounts, news)
        return True

    def _add(self, source: Source, given: Given, accounts: ir.Table | None, parts: Iterable[str]) -> None:
        """The checked rows of some files, each marked with its name."""
        assert given.only is not None
        for name in sorted(parts):
            rows = self._sql(judged(self.engine, given.only([name]), source, accounts, self.loaded_on))
            into = f"INSERT INTO kept.checked_{source.name} BY NAME"
            # By month, then account: a window reads few row groups, and an account's rows lie together.
            order = f"date_trunc('month', {source.event}), account_id"
            self._run(f"{into} SELECT *, {_quoted(name)} AS part FROM ({rows}) ORDER BY {order}")

    def _premature(self, source: Source) -> set[str]:
        """The parts with rows that claimed to be known in the future: by now they may be known."""
        marked = f"FROM kept.checked_{source.name} WHERE fault_rule = {_quoted(PREMATURE)}"
        return {row[0] for row in self._run(f"SELECT DISTINCT part {marked}").fetchall()}

    def _held_against(self, source: Source, accounts: ir.Table) -> None:
        """Rows of accounts that have appeared become good, rows of accounts that have vanished bad.

        Only rows without a key are held so, and no value of theirs is learnt later: of them a fault takes the row.
        """
        table, known = f"kept.checked_{source.name}", f"(SELECT account_id FROM ({self._sql(accounts)}))"
        unknown = f"fault_rule = {_quoted(UNKNOWN_ACCOUNT)}"
        self._run(
            f"UPDATE {table} SET fault_column = NULL, fault_rule = NULL, fault_value = NULL, fault_cell = NULL "
            f"WHERE {unknown} AND account_id IN {known}"
        )
        self._run(
            f"UPDATE {table} SET fault_column = 'account_id', fault_rule = {_quoted(UNKNOWN_ACCOUNT)}, "
            f"fault_value = account_id, fault_cell = FALSE WHERE fault_rule IS NULL AND account_id NOT IN {known}"
        )

    def _state(self, source: Source) -> dict[str, Any] | None:
        row = self._run(f"SELECT state FROM kept.loads WHERE source = {_quoted(source.name)}").fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def _remember(self, source: Source, state: Mapping[str, Any]) -> str:
        values = f"{_quoted(source.name)}, {_quoted(json.dumps(state))}"
        self._run(f"INSERT OR REPLACE INTO kept.loads VALUES ({values})")
        self._run(f"DELETE FROM kept.counts WHERE source = {_quoted(source.name)}")
        return digest(state["base"], state["parts"])

    def _attach(self, how: str = "") -> None:
        """Attaches the file, waiting for another process that holds it; `WarehouseError` if it goes on holding it."""
        for tries in count():
            try:
                self._run(f"ATTACH {_quoted(str(self.path))} AS kept {how}")
                return
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise
                if tries * STEP_SECONDS >= WAIT_SECONDS:
                    raise WarehouseError(
                        f"{self.path} is in use by another tenure command; wait until it has ended, "
                        "or give another --home"
                    ) from error
            time.sleep(STEP_SECONDS)

    def _run(self, text: str) -> Any:
        return self.engine.connection.raw_sql(text)

    def _sql(self, rows: ir.Table) -> str:
        return self.engine.text(rows)


def _stamp(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
