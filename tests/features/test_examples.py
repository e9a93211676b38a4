"""Every feature has an example that the engine fulfils; an example that cannot be read says where and why."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import CATALOGUE, FAMILIES
from features.examples import FOLDER, Example, ExampleError, examples, read_examples
from features.feature import Feature
from features.measure import references
from features.reference import CATALOGUE_PAGE, catalogue_page
from features.snapshot import snapshot
from tests.worlds import AS_OF, opened, spine_of

EXAMPLES = [
    pytest.param(example, id=f"{family}: {example.title}") for family in FAMILIES for example in examples(family)
]


def closure(names: list[str]) -> dict[str, Feature]:
    """The features and those that they are made of."""
    wanted = dict.fromkeys(names)
    for name in names:
        wanted |= dict.fromkeys(references(CATALOGUE[name].measure))
    return {name: CATALOGUE[name] for name in wanted} if len(wanted) == len(names) else closure(list(wanted))


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_account_of_an_example_looks_as_it_says(example: Example, tmp_path: Path) -> None:
    warehouse = opened(example.world(AS_OF), tmp_path)
    assert warehouse.quarantine.empty, "an example keeps the rules of SOURCES"
    rows = snapshot(warehouse, spine_of(example.accounts, AS_OF), closure(list(example.expected)))
    warehouse.close()
    seen = rows.set_index("account_id")
    wrong = {
        f"{name} of {account}": (said.value, seen.loc[account, name])
        for name, cells in example.expected.items()
        for account, said in cells.items()
        if not said.fits(seen.loc[account, name])
    }
    assert not wrong, "(expected, found)"


def test_every_feature_has_an_example() -> None:
    shown = {name for family in FAMILIES for example in examples(family) for name in example.expected}
    assert not [name for name in CATALOGUE if name not in shown], "write them into features/catalogue/examples"


def test_every_feature_is_known_in_some_example() -> None:
    known = {
        name
        for family in FAMILIES
        for example in examples(family)
        for name, cells in example.expected.items()
        if any(said.value is not None for said in cells.values())
    }
    assert not [name for name in CATALOGUE if name not in known]


def test_examples_are_those_of_the_families_and_their_titles_differ() -> None:
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(FAMILIES)
    titles = [example.title for family in FAMILIES for example in examples(family)]
    assert sorted(titles) == sorted(set(titles))


def test_the_catalogue_s_page_is_up_to_date() -> None:
    page = CATALOGUE_PAGE.read_text(encoding="utf-8")
    assert page == catalogue_page(), "write it again with `python -m features.reference`"
    assert all(example.text in page for family in FAMILIES for example in examples(family))


GOOD = """# Seats are counted

subscriptions
  subscription_id | account_id | known_at | starts_on | arr | seats | auto_renew
  1               | a          | -9d      | -9d 12:00 | 10  |       | no

expected
  feature    | a   | b
  seats      | ?   | ?
  arr        | 10  | 0
  discount   | 1/3 | ~-0.3
  auto_renew | no  | ?
  plan       | pro | ?
"""


def test_an_example_is_a_title_its_tables_and_what_is_expected() -> None:
    (one,) = read_examples(GOOD, "a.txt")
    assert (one.title, list(one.tables), one.accounts) == ("Seats are counted", ["subscriptions"], ("a", "b"))
    assert GOOD.endswith(f"{one.text}\n")
    tables = one.world(AS_OF)
    assert tables["accounts"]["account_id"].tolist() == ["a", "b"]
    assert tables["subscriptions"].iloc[0].tolist() == ["1", "a", "2026-05-23", "2026-05-23 12:00", "10", None, "no"]
    said = {name: [cell.value for cell in cells.values()] for name, cells in one.expected.items()}
    assert said == {
        "seats": [None, None],
        "arr": [10, 0],
        "discount": [1 / 3, -0.3],
        "auto_renew": [0, None],
        "plan": ["pro", None],
    }


@pytest.mark.parametrize(
    ("feature", "found", "fits"),
    [
        ("seats", None, True),
        ("seats", float("nan"), True),
        ("seats", 0.0, False),
        ("arr", 10.0, True),
        ("arr", 10.1, False),
        ("arr", None, False),
        ("plan", "pro", True),
        ("plan", "basic", False),
        ("plan", 1.0, False),
        ("discount", 0.333333, True),
        ("discount", 0.333, False),
    ],
)
def test_a_cell_fits_what_is_said_and_nothing_else(feature: str, found: object, fits: bool) -> None:
    (one,) = read_examples(GOOD, "a.txt")
    assert one.expected[feature]["a"].fits(found) is fits


@pytest.mark.parametrize(("found", "fits"), [(-0.3, True), (-0.34, True), (-0.36, False)])
def test_what_is_said_roughly_holds_as_far_as_it_is_written(found: float, fits: bool) -> None:
    (one,) = read_examples(GOOD, "a.txt")
    assert one.expected["discount"]["b"].fits(found) is fits


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# Seats", "Seats", "a.txt:1: expected a title"),
        ("subscriptions", "subscription", "a.txt:3: expected a source or `expected`, once each; found 'subscription'"),
        ("expected", "subscriptions", "a.txt:7: expected a source or `expected`"),
        ("subscriptions\n", "", "a.txt:3: expected the name of a table before its rows"),
        ("| -9d 12:00 |", "|", "a.txt:5: expected 7 cells"),
        ("| b\n", "\n", "a.txt:9: expected 2 cells"),
        ("expected\n", "expected\n\nusage\n", "a.txt:1 (Seats are counted): expected an `expected` table, found none"),
        ("expected\n", "usage\nexpected\n", "expected a table of usage, found no line of it"),
        ("seats |", "chairs |", "expected columns of subscriptions, each once, required ones among them; found chairs"),
        ("| arr |", "| seats |", "found seats, seats"),
        ("| known_at", "| plan", "found no known_at"),
        ("  feature ", "  account ", "expected `feature | account | ...` and a line a feature"),
        ("  arr  ", "  mrr  ", "expected features of the catalogue, once each; found 'mrr'"),
        ("  arr  ", "  seats", "expected features of the catalogue, once each; found 'seats'"),
        ("| 10  | 0", "| ten | 0", "expected a value of unit money, or `?` for unknown; found 'ten'"),
        ("| 10  | 0", "|     | 0", "expected a value of unit money, or `?` for unknown; found ''"),
        ("| no  | ?", "| 0   | ?", "expected a value of unit flag, or `?` for unknown; found '0'"),
    ],
)
def test_an_example_that_cannot_be_read_says_where_and_why(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ExampleError, match=re.escape(message)):
        read_examples(GOOD.replace(old, new), "a.txt")


def test_an_example_stands_about_any_date() -> None:
    (one,) = read_examples(GOOD, "a.txt")
    leap = one.world(pd.Timestamp("2028-03-09").date())
    assert leap["subscriptions"]["starts_on"].tolist() == ["2028-02-29 12:00"]
