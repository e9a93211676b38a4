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
    highest,
    last,
    latest,
    mean,
    named,
    of,
    only_if,
    peak,
    references,
    root,
    settled,
    slope,
    smallest,
    surprise,
    total,
    weekly,
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
        (either(of("one"), 0), "either(one, 0)"),
        (of("arr") > 5, "(5 < arr)"),
        (of("arr") < 5, "(arr < 5)"),
        (only_if(of("tenure") < 90, of("arr")), "(arr / (tenure < 90))"),
        (settled(112, of("arr")), "(arr / (111 < tenure_days))"),
        (root(of("arr")), "root(arr)"),
        (peak(_.user_id, _.quantity, last(28)), "peak(quantity, by user_id, ages 1..28)"),
        (highest([of("one"), of("two"), of("three")]), "highest(one, two, three)"),
        (slope(_.quantity, weeks=12), "slope(quantity, 12 weeks)"),
        (named(_.user_id, last(7), last(28)), "named(user_id, ages 1..7, by ages 1..28)"),
        (named(_.user_id, last(7), where=_.met), "named(user_id, where met, ages 1..7)"),
        (surprise(_.quantity, weeks=8), "surprise(quantity, 1 week against 8 weeks)"),
    ],
)
def test_a_measure_reads_as_what_it_computes(measure: Measure, text: str) -> None:
    assert str(measure) == text


def test_measures_that_differ_read_differently() -> None:
    """A snapshot computes what reads alike only once."""
    alike = [
        *(count(), count(last(7)), count(last(28)), count(between(7, 28)), count(where=_.a), count(where=_.b)),
        *(total(_.a), total(_.b), mean(_.a), smallest(_.a), latest(_.a), latest(_.a, where=_.b), distinct(_.a)),
        *(peak(_.a, _.b), peak(_.b, _.a), peak(_.a, _.b, last(7)), peak(_.a, _.b, where=_.c)),
    ]
    assert len({str(measure) for measure in alike}) == len(alike)


def test_a_measure_knows_the_features_and_the_aggregates_it_reads() -> None:
    inner, outer = count(last(7)), total(_.arr)
    measure = either(inner / of("seats"), change(of("arr"), outer * 3))
    assert references(measure) == {"seats", "arr"}
    assert aggregates(measure) == [inner, outer]
    assert references(inner) == frozenset()


def test_weeks_follow_one_another_without_gap_or_overlap() -> None:
    windows = [node.window for node in weekly(_.quantity, 3)]
    assert windows == [last(7), between(7, 14), between(14, 21)]


def test_a_trend_and_a_surprise_read_the_same_weeks() -> None:
    """So a snapshot sums each week once."""
    weeks = {str(node) for node in aggregates(slope(_.quantity, weeks=12))}
    assert len(weeks) == 12
    assert {str(node) for node in aggregates(surprise(_.quantity, weeks=8))} < weeks
