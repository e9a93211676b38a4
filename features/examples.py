"""The catalogue by example: small tables written down, and what each account then looks like on that date.

`features/catalogue/examples/<family>.txt` holds the examples of a family. Each is run as a test and shown in the
catalogue's README:

```
# A ticket is open until it is known to be solved

tickets
  ticket_id | account_id | event_at | severity | resolved_at
  1         | a          | -3d      | urgent   | +1d
  2         | b          | -9d      | low      | -2d

expected
  feature            | a | b | c
  open_tickets       | 1 | 0 | 0
  oldest_open_ticket | 3 | ? | ?
```

A line that begins with `#` is a title, a word alone a source or `expected`, and what is indented below it a table. In
a source's table an empty cell is null, `-3d` is three days before `as_of` and `-3d 18:00` that day's evening. In the
expected table `?` is unknown, `1/3` is exactly that, `~0.62` is that as far as it is written, and a flag is `yes` or
`no`. Every account mentioned has been known, and has paid 1,200 a year, for 400 days, unless `accounts` and
`subscriptions` say otherwise; a source without a table is not given.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Unit, is_known
from features.sources import SOURCES

FOLDER = Path(__file__).parent / "catalogue" / "examples"
EXPECTED = "expected"
SINCE_DAYS, ARR = 400, "1200"
"""So long an account of which no table says more has been known, and what it pays."""

_RELATIVE = re.compile(r"([+-]\d+)d(?: (\d\d:\d\d))?")
_NUMBER = re.compile(r"~?-?\d+(\.\d+)?|-?\d+/\d+")


class ExampleError(ValueError):
    """An example that cannot be read; the message names the file and line, what was expected and what was found."""


@dataclass(frozen=True)
class Said:
    """A cell of an expected table: a number give or take `within`, a word, or None for unknown."""

    value: float | str | None
    within: float = 0.0

    def fits(self, found: object) -> bool:
        """Whether a snapshot's cell is what is said."""
        if self.value is None or not is_known(found):
            return self.value is None and not is_known(found)
        if isinstance(self.value, str) or isinstance(found, str):
            return self.value == found
        return isinstance(found, (int, float)) and abs(found - self.value) <= self.within


@dataclass(frozen=True)
class Example:
    """One example: its `text` as written, the ASCII tables by source, and by feature what is said of each account."""

    title: str
    text: str
    tables: Mapping[str, str]
    expected: Mapping[str, Mapping[str, Said]]

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(next(iter(self.expected.values())))

    def world(self, as_of: date) -> dict[str, pd.DataFrame]:
        """The source tables of the example about a date."""
        given = {name: table(text, as_of) for name, text in self.tables.items()}
        return with_accounts(given, as_of, self.accounts)


def examples(family: str) -> tuple[Example, ...]:
    """The examples of a signal family, in the order in which they are written. Raises `ExampleError`."""
    file = FOLDER / f"{family}.txt"
    return read_examples(file.read_text(encoding="utf-8"), file.name)


def read_examples(text: str, name: str) -> tuple[Example, ...]:
    """The examples in a text; `name` is what errors call it. Raises `ExampleError`."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            found.append((number, line.removeprefix("# ").strip(), []))
        elif found:
            found[-1][2].append(line.rstrip())
        elif line.strip():
            raise ExampleError(f"{name}:{number}: expected a title (`# A fact about the world`), found {line!r}")
    return tuple(_example(title, lines, name, number) for number, title, lines in found)


def table(text: str, as_of: date) -> pd.DataFrame:
    """Rows of an ASCII table, its cells split by `|`; an empty cell is null, `-3d` is three days before `as_of`.

    `-3d 18:00` is that day's evening.
    """
    header, *rows = _cells(text)
    return pd.DataFrame([[_moment(cell, as_of) for cell in row] for row in rows], columns=header, dtype=object)


def with_accounts(tables: dict[str, pd.DataFrame], as_of: date, ids: Iterable[str] = ()) -> dict[str, pd.DataFrame]:
    """The tables with `accounts` and `subscriptions`: where not given, for every id that is listed or mentioned."""
    known = sorted({*ids, *(account for rows in tables.values() for account in rows["account_id"])})
    since = str(as_of - timedelta(days=SINCE_DAYS))
    terms = {"subscription_id": known, "account_id": known, "known_at": since, "starts_on": since, "arr": ARR}
    filled = {
        "accounts": pd.DataFrame({"account_id": known, "known_at": since}, dtype=object),
        "subscriptions": pd.DataFrame(terms, dtype=object),
    }
    return filled | tables


def _example(title: str, lines: list[str], name: str, start: int) -> Example:
    """One example from the lines below its title, which stands in line `start`."""
    blocks: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start + 1):
        if not line:
            continue
        if not line.startswith(" "):
            if (line not in SOURCES and line != EXPECTED) or line in blocks:
                raise ExampleError(f"{name}:{number}: expected a source or `expected`, once each; found {line!r}")
            blocks[line] = []
        elif not blocks:
            raise ExampleError(f"{name}:{number}: expected the name of a table before its rows; found {line!r}")
        else:
            *_, rows = blocks.values()
            rows.append(line)
            if line.count("|") != rows[0].count("|"):
                raise ExampleError(f"{name}:{number}: expected {rows[0].count('|') + 1} cells, found {line!r}")
    where = f"{name}:{start} ({title})"
    if not blocks.get(EXPECTED):
        raise ExampleError(f"{where}: expected an `expected` table, found none")
    tables = {source: "\n".join(rows) for source, rows in blocks.items() if source != EXPECTED}
    for source, written in tables.items():
        _check_columns(source, written, where)
    expected = _expected("\n".join(blocks[EXPECTED]), where)
    return Example(title, "\n".join(lines).strip(), tables, expected)


def _check_columns(source: str, text: str, where: str) -> None:
    """Raises `ExampleError` unless the table's columns are the source's, each once, and all required are there."""
    if not text:
        raise ExampleError(f"{where}: expected a table of {source}, found no line of it")
    header, *_ = _cells(text)
    known = {column.name: column.required for column in SOURCES[source].columns}
    wrong = [name for name in header if name not in known or header.count(name) > 1]
    missing = [name for name, required in known.items() if required and name not in header]
    if wrong or missing:
        found = ", ".join(wrong) or f"no {', '.join(missing)}"
        raise ExampleError(f"{where}: expected columns of {source}, each once, required ones among them; found {found}")


def _expected(text: str, where: str) -> dict[str, dict[str, Said]]:
    (corner, *accounts), *rows = _cells(text)
    if corner != "feature" or not accounts or not rows:
        raise ExampleError(f"{where}: expected `feature | account | ...` and a line a feature, found {text!r}")
    expected: dict[str, dict[str, Said]] = {}
    for name, *cells in rows:
        if name not in CATALOGUE or name in expected:
            raise ExampleError(f"{where}: expected features of the catalogue, once each; found {name!r}")
        unit = CATALOGUE[name].unit
        expected[name] = {account: _said(cell, unit, where) for account, cell in zip(accounts, cells, strict=True)}
    return expected


def _said(cell: str, unit: Unit, where: str) -> Said:
    if cell == "?":
        return Said(None)
    if unit is Unit.CATEGORY and cell:
        return Said(cell)
    if unit is Unit.FLAG and cell in ("yes", "no"):
        return Said(float(cell == "yes"))
    if unit is Unit.FLAG or not _NUMBER.fullmatch(cell):
        raise ExampleError(f"{where}: expected a value of unit {unit}, or `?` for unknown; found {cell!r}")
    if cell.startswith("~"):
        return Said(float(cell[1:]), 0.5 * 10.0 ** -len(cell.partition(".")[2]) + 1e-9)
    value = float(Fraction(cell))
    return Said(value, 1e-6 * max(1.0, abs(value)))


def _cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def _moment(cell: str, as_of: date) -> str | None:
    if relative := _RELATIVE.fullmatch(cell):
        days, hour = relative.groups()
        return f"{as_of + timedelta(days=int(days))}" + (f" {hour}" if hour else "")
    return cell or None
