"""An export before an engine reads it: names that are nearly ours, and what is wrong with a CSV file."""

import csv
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

ALIKE = 0.8
"""How much of a word must be that of a table's name, of 0 to 1, to ask whether that was meant."""

SEPARATORS = ",;\t|"


def meant(name: str, tables: Iterable[str]) -> str | None:
    """The table that a name was perhaps meant for, as `invoice` or `crm_invoices_2026` for `invoices`."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    return next((table for table in tables if get_close_matches(table, words, 1, ALIKE)), None)


def our_names(columns: Sequence[str], ours: Iterable[str]) -> dict[str, str]:
    """Columns that are ours but for case, blanks and hyphens, by our name: `Account ID` is `account_id`."""
    alike = {_plain(name): name for name in reversed(columns)}
    return {name: alike[name] for name in ours if name not in columns and name in alike}


def is_blank(file: Path) -> bool:
    """Whether a file holds nothing, not even a header."""
    with file.open("rb") as opened:
        return not any(line.strip(b" \t\r\n\xef\xbb\xbf") for line in opened)


def named_twice(file: Path, ours: Iterable[str]) -> list[str]:
    """The columns of ours that the header of a CSV file names more than once."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        first = next(line for line in opened if line.strip())
    (header,) = csv.reader([first], delimiter=_separator(first))
    names = [_plain(name) for name in header]
    return [name for name in ours if names.count(name) > 1]


def fault_in(file: Path) -> str | None:
    """What is wrong with a CSV file: on which line, what was expected, what to do; None if nothing is seen."""
    with file.open("rb") as opened:
        start = opened.read(2)
        opened.seek(0)
        if start == b"\x1f\x8b":
            return "expected text, found a file that gzip has packed; unpack it"
        usual = "UTF-16" if start in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
        for number, line in enumerate(opened, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                found = usual if usual == "UTF-16" else f"the byte 0x{line[error.start]:02x}"
                cure = f"save it as UTF-8, such as by: iconv -f {usual} -t UTF-8"
                return f"line {number}: expected UTF-8, found {found}; {cure}"
    with file.open(encoding="utf-8-sig", newline="") as opened:
        first = next((line for line in opened if line.strip()), "")
        opened.seek(0)
        return _ragged(opened, _separator(first))


def _ragged(lines: Iterable[str], separator: str) -> str | None:
    """The first row that has more or fewer cells than the header, or whose quotes do not match."""
    rows, begun, header = csv.reader(lines, delimiter=separator, strict=True), 1, 0
    try:
        for row in rows:
            header = header or len(row)
            if row and len(row) != header:
                cure = f"quote cells that hold {separator!r} or a line's end, and give each row all cells"
                return f"line {begun}: expected {header} columns as in the header, found {len(row)}; {cure}"
            begun = rows.line_num + 1
    except csv.Error:
        return f"line {begun}: expected a quoted cell to end with a quote, found another; write a quote within as two"
    return None


def _separator(header: str) -> str:
    return max(SEPARATORS, key=header.count)


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())
