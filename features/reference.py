"""Renders the reference pages from the declarations: `python -m features.reference` writes them.

What stands in `features/catalogue/README.md` and `docs/sources.md` is never edited by hand.
"""

from html import escape
from pathlib import Path

from features.catalogue import FAMILIES
from features.examples import Example, examples
from features.feature import Feature
from features.source import Column, Kind
from features.sources import SOURCES

ROOT = Path(__file__).parent.parent
CATALOGUE_PAGE = ROOT / "features" / "catalogue" / "README.md"
SOURCES_PAGE = ROOT / "docs" / "sources.md"


def catalogue_page() -> str:
    """Every feature by family: label, name, definition, unit, healthy end, reason, and what an empty account means."""
    count = sum(len(rows) for rows in FAMILIES.values())
    lines = [
        "# The catalogue",
        "",
        f"{count} features, rendered by `python -m features.reference` from the rows in this folder. Ages are "
        "whole days before `as_of`: yesterday is 1, and a date announced for the future is negative. A division by "
        "zero is unknown; so is, of everybody, what reads a source of which nothing had been known yet. The examples "
        "are run as tests; in them `-3d` is three days before `as_of`, `?` is unknown, "
        "and an account of which no table says more has been known, and has paid 1,200 a year, for 400 days.",
    ]
    for family, rows in FAMILIES.items():
        lines += [
            "",
            f"## {family.capitalize()}",
            "",
            "| feature | what it is | definition | unit | healthy | reason | no rows |",
            "|---|---|---|---|---|---|---|",
            *(_feature_row(feature) for feature in rows),
            *(line for example in examples(family) for line in _shown(example)),
        ]
    return "\n".join(lines) + "\n"


def sources_page() -> str:
    """Every source table: grain, columns, and what a cell may hold."""
    lines = [
        "# The source tables",
        "",
        "Rendered by `python -m features.reference` from `features/sources.py`. Only `accounts` and `subscriptions`",
        "are required; of the others, any table and any column without a star may be missing, and what needs it is",
        "then unknown. `event_at` is when something happened, `known_at` when the company's systems could first know",
        "it (missing: the same). A row is seen on `as_of` only if `known_at < as_of`; a value that is *learnt at*",
        "another date is null until that date has passed. Timestamps are UTC, a bare date is its midnight, and money",
        "is in one currency. An id is text or an integer; where empty cells made integers floats, 17.0 is read as 17.",
        "Columns may be named in capitals or with blanks; an empty cell, NULL, N/A and \\N say nothing. CSV is UTF-8.",
    ]
    for source in SOURCES.values():
        star = " *(required)*" if source.required else ""
        lines += ["", f"## {source.name}{star}", "", f"One row is {source.grain}.", ""]
        lines += ["| column | holds | learnt at |", "|---|---|---|"]
        lines += [_column_row(column) for column in source.columns]
    return "\n".join(lines) + "\n"


def _shown(example: Example) -> list[str]:
    """An example folded under its title, with its tables as they are written."""
    title = escape(example.title, quote=False)
    return ["", f"<details><summary>{title}</summary>", "", "```text", example.text, "```", "", "</details>"]


def _feature_row(feature: Feature) -> str:
    definition = f"`{feature.source}`: `{feature.measure}`".replace("|", "\\|")
    empty = "unknown" if feature.empty is None else f"{feature.empty:g}"
    cells = (feature.unit, feature.healthy, feature.reason, empty)
    return f"| `{feature.name}` | {feature.label} | {definition} | {' | '.join(cells)} |"


def _column_row(column: Column) -> str:
    words = {Kind.ID: "id", Kind.TEXT: "text", Kind.FLAG: "yes or no", Kind.NUMBER: "number", Kind.TIME: "date or time"}
    holds = words[column.kind]
    if column.values:
        holds = ", ".join(column.values)
    elif column.low is not None:
        holds += f" from {column.low:g}" + (f" to {column.high:g}" if column.high is not None else "")
    if column.scale is not None:
        holds += f", for {column.scale.word} {column.scale.low:g} to {column.scale.high:g}"
    if column.default is not None:
        holds += f", {column.default:g} if absent"
    star = "*" if column.required else ""
    return f"| `{column.name}`{star} | {holds} | {f'`{column.learnt_at}`' if column.learnt_at else ''} |"


def write_pages() -> None:
    """Writes both pages in place."""
    CATALOGUE_PAGE.write_text(catalogue_page(), encoding="utf-8")
    SOURCES_PAGE.write_text(sources_page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
