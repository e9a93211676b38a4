"""A snapshot becomes the same matrix whether it comes as a table or as single rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.feature import Unit
from tests.conftest import Company
from training.encoding import Encoding, encoding

CATEGORY = next(name for name, feature in CATALOGUE.items() if feature.unit is Unit.CATEGORY)
FIRST, SECOND = [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY][:2]


def table(rows: int = 60) -> pd.DataFrame:
    """Sixty accounts: `red` 40 times, `blue` 20 times."""
    return pd.DataFrame(
        {
            "account_id": [f"a{row}" for row in range(rows)],
            FIRST: np.arange(rows, dtype=np.float64),
            SECOND: [None if row % 2 else 1.0 for row in range(rows)],
            CATEGORY: ["red" if row < 40 else "blue" for row in range(rows)],
        }
    )


def test_columns_are_in_the_catalogues_order() -> None:
    backwards = table()[table().columns[::-1]]
    names = encoding(backwards).features
    assert list(names) == [name for name in CATALOGUE if name in names]
    assert set(names) == {FIRST, SECOND, CATEGORY}


def test_columns_that_the_catalogue_does_not_know_are_no_features() -> None:
    assert "churn" not in encoding(table().assign(churn=np.arange(60))).features


def test_a_category_of_too_few_accounts_has_no_code() -> None:
    assert encoding(table()).categories[CATEGORY] == ("red",)
    assert encoding(table(), smallest_category=20).categories[CATEGORY] == ("blue", "red")


def test_many_rows_of_one_account_are_one_vote_for_a_category() -> None:
    rows = table().assign(account_id="the same")
    assert encoding(rows, smallest_category=2).categories[CATEGORY] == ()


def test_unknown_unseen_and_missing_are_null() -> None:
    code = Encoding((FIRST, CATEGORY), {CATEGORY: ("blue", "red")})
    found = code.matrix(pd.DataFrame({CATEGORY: ["red", "green", None]}))
    assert np.array_equal(found, [[np.nan, 1.0], [np.nan, np.nan], [np.nan, np.nan]], equal_nan=True)


def test_no_feature_gives_a_matrix_without_columns() -> None:
    assert Encoding((), {}).matrix(table()).shape == (60, 0)


def test_a_constant_with_gaps_still_tells_accounts_apart() -> None:
    assert SECOND in encoding(table()).features
    assert SECOND not in encoding(table().assign(**{SECOND: 1.0})).features
    assert SECOND not in encoding(table().assign(**{SECOND: None})).features


@pytest.mark.parametrize("given", [{}, {CATEGORY: 3}, {CATEGORY: ""}, {FIRST: None}])
def test_single_rows_take_null_where_a_value_is_absent_or_unheard_of(given: dict[str, object]) -> None:
    code = Encoding((FIRST, CATEGORY), {CATEGORY: ("blue", "red")})
    assert np.isnan(code.row_matrix([given])).all()


def test_single_rows_take_flags_and_whole_numbers() -> None:
    code = Encoding((FIRST, SECOND, CATEGORY), {CATEGORY: ("blue", "red")})
    assert code.row_matrix([{FIRST: True, SECOND: 3, CATEGORY: "red"}]).tolist() == [[1.0, 3.0, 1.0]]


def test_single_rows_and_a_table_are_the_same_matrix(company: Company) -> None:
    model = company.trained["churn"].model
    assert model is not None
    rows = company.data.frame.tail(100)
    assert np.array_equal(
        model.encoding.row_matrix(
            [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
        ),
        model.encoding.matrix(rows),
        equal_nan=True,
    )
    places = model.encoding.category_places
    assert [model.encoding.features[place] for place in places] == list(model.encoding.categories)
