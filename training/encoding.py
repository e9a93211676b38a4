"""How a snapshot becomes a matrix, and back to nothing else: the columns, their order, the codes of categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Unit

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encoding:
    """The model's columns in order; a category is coded by its place in `categories[name]`, an unseen one is null."""

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    def matrix(self, table: pd.DataFrame) -> Matrix:
        """(rows, features) floats, column by column in memory; a column that `table` lacks is null throughout."""
        columns = []
        for name in self.features:
            if name not in table.columns:
                columns.append(np.full(len(table), np.nan))
            elif name in self.categories:
                codes = {value: float(code) for code, value in enumerate(self.categories[name])}
                columns.append(table[name].map(codes).to_numpy(dtype=np.float64, na_value=np.nan))
            else:
                columns.append(table[name].to_numpy(dtype=np.float64, na_value=np.nan))
        return np.stack(columns).T if columns else np.empty((len(table), 0))

    def row_matrix(self, rows: Sequence[Mapping[str, object]]) -> Matrix:
        """The same of a few rows given as mappings, without a table; an absent or null value is null."""
        matrix = np.full((len(rows), len(self.features)), np.nan)
        for place, name in enumerate(self.features):
            codes = self.categories.get(name)
            for number, row in enumerate(rows):
                value = row.get(name)
                if codes is not None:
                    matrix[number, place] = codes.index(str(value)) if value in codes else np.nan
                elif isinstance(value, (int, float)):
                    matrix[number, place] = value
        return matrix

    @property
    def category_places(self) -> list[int]:
        return [place for place, name in enumerate(self.features) if name in self.categories]


def encoding(table: pd.DataFrame, smallest_category: int = 30) -> Encoding:
    """The encoding of a training snapshot.

    Columns that are null or one value throughout are left out: they cannot tell anything apart. A category seen
    by fewer than `smallest_category` accounts has no code of its own: rows of one account are one vote.
    """
    names = [name for name in CATALOGUE if name in table.columns and table[name].nunique(dropna=False) > 1]
    names = [name for name in names if table[name].notna().any()]
    categories: dict[str, tuple[str, ...]] = {}
    for name in names:
        if CATALOGUE[name].unit is Unit.CATEGORY:
            counts = table.groupby(name)["account_id"].nunique()
            categories[name] = tuple(sorted(str(value) for value in counts[counts >= smallest_category].index))
    return Encoding(tuple(names), categories)
