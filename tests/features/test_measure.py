"""A measure reads as what it computes, and knows what it reads."""

from __future__ import annotations

import pytest
from ibis import _

from features.measure import (
    Measure,
    aggregates,
    between,
    change,
    count,
    distinct,
    either,
    last,
    latest,
    mean,
    of,
    references,
    smallest,
    total,
)


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (count(), "count()"),
        (count(last(28)), "count(ages 1..28)"),
        (total(_.quantity, between(28, 112)), "total(quantity, ages 29..112)"),
        (distinct(_.user_id, where=_.team == "a"), "distinct(user_id, where (team == 'a'))"),
        (of("arr") / of("seats"), "(arr / seats)"),
        (of("arr") * 2, "(arr * 2)"),
        (change(of("now"), of("before")), "((now / before) - 1)"),
        (either(of("one"), of("other")), "either(one, other)"),
    ],
)
def test_a_measure_reads_as_what_it_computes(measure: Measure, text: str) -> None:
    assert str(measure) == text


def test_measures_that_differ_read_differently() -> None:
    """A snapshot computes what reads alike only once."""
    alike = [
        *(count(), count(last(7)), count(last(28)), count(between(7, 28)), count(where=_.a), count(where=_.b)),
        *(total(_.a), total(_.b), mean(_.a), smallest(_.a), latest(_.a), latest(_.a, where=_.b), distinct(_.a)),
    ]
    assert len({str(measure) for measure in alike}) == len(alike)


def test_a_measure_knows_the_features_and_the_aggregates_it_reads() -> None:
    inner, outer = count(last(7)), total(_.arr)
    measure = either(inner / of("seats"), change(of("arr"), outer * 3))
    assert references(measure) == {"seats", "arr"}
    assert aggregates(measure) == [inner, outer]
    assert references(inner) == frozenset()
