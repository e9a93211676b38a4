"""Features whose values, or their absence, tell an outcome better than an honest signal could.

Categories are judged as numbers are: each stands for how often the outcome came to other accounts that had it.
"""

import re
from collections.abc import Collection, Iterator

import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Feature, Unit
from features.measure import references
from training.backtest import MIN_ACCOUNTS
from training.dataset import Dataset
from training.gap import Bools, gap_of
from training.leak import Leak, tells

LEAK_AUC = 0.998
"""ROC-AUC of one feature's value. The best honest one: 0.995, silence in the product 30 days before a stop, in a
generated company where nobody leaves otherwise; 0.98 over 90 days there, 0.86 elsewhere."""
FATE_AUC = 0.90
"""ROC-AUC, more than a horizon ahead, of accounts that would meet an outcome against those that never did. Signals
fade with distance: 0.60 in a simulated company, 0.61 in a realistic one."""
STATE_FATE_AUC = 0.95
"""The same of what an account is (a column of `accounts`), from which on it refuses: a state has no distance to fade
with, and an honest one reached 0.65. One that was written over when the account left, such as no employees, knows
the end at every date. A contract's age may well tell who leaves: 0.84 in a generated company; it is only told."""
FOLDS = 5
"""Accounts are told by the words of those in the other folds."""
MOST_ROWS = 100_000
"""So many rows, drawn at random, tell a leak as well as all."""


def feature_leaks(
    data: Dataset, outcome: str, passed: Collection[str] = (), leaving: Collection[str] = ()
) -> Iterator[Leak]:
    """Features, of sources other than `passed`, that are suspected of an outcome.

    The accounts `leaving` are never held to be of those that did not meet it.
    """
    frame = data.frame if len(data.frame) <= MOST_ROWS else data.frame.sample(MOST_ROWS, random_state=0)
    happened = frame[outcome].astype(bool).to_numpy()
    accounts = frame["account_id"]
    ahead = _ahead(frame, outcome, leaving)
    far: dict[str, list[tuple[float, str]]] = {}
    for name in data.features:
        feature = CATALOGUE[name]
        if feature.source in passed:
            continue
        known = data.frame[name].notna().to_numpy()
        if not known.all() and not states_an_end(feature):
            yield from _coverage_leaks(data, outcome, feature, known)
        told = frame[name].notna().to_numpy()
        if min(accounts[told & happened].nunique(), accounts[told & ~happened].nunique()) < MIN_ACCOUNTS:
            continue
        auc = _auc(feature, frame[told], happened[told])
        if auc > LEAK_AUC:
            yield Leak(
                name,
                outcome,
                f"alone ranks {outcome} with ROC-AUC {auc:.3f}; check that the values of {feature.source} carry the "
                "date on which they became known, or leave the column out of the mapping",
                "value",
                feature.source,
                auc,
            )
        else:
            asked = told & ahead.notna().to_numpy()
            fated = ahead[asked].to_numpy(dtype=bool)
            if min(accounts[asked][fated].nunique(), accounts[asked][~fated].nunique()) >= MIN_ACCOUNTS:
                far.setdefault(feature.source, []).append((_auc(feature, frame[asked], fated), name))
    for source, ranked in far.items():
        yield from _fate_leaks(data, outcome, source, sorted(ranked, reverse=True))


def _coverage_leaks(data: Dataset, outcome: str, feature: Feature, known: Bools) -> Iterator[Leak]:
    gap = gap_of(data.frame, outcome, known, MIN_ACCOUNTS)
    if gap is not None and tells(gap):
        yield Leak(
            feature.name,
            outcome,
            f"is known {abs(gap.difference):.0%} {'more' if gap.difference > 0 else 'less'} often where {outcome} "
            f"followed ({gap.low:+.0%} to {gap.high:+.0%}); check whether {feature.source} keeps its history, or leave "
            "the column out of the mapping",
            "coverage",
            feature.source,
            gap.difference,
        )


def _fate_leaks(data: Dataset, outcome: str, source: str, ranked: list[tuple[float, str]]) -> Iterator[Leak]:
    """One finding a table, by its strongest feature."""
    auc, name = ranked[0]
    if auc > FATE_AUC:
        alike = [other for value, other in ranked[1:] if value > FATE_AUC]
        refuses = source == "accounts" and auc > STATE_FATE_AUC
        why = (
            f"it seems to have been written over after the fact; hand over {source} as they were, a row a version "
            "with its known_at, or leave the column out of the mapping"
            if refuses
            else f"a signal fades with distance, so {source} may have been written, or generated, knowing the end; "
            "figures from it are too good to be true"
        )
        yield Leak(
            name,
            outcome,
            f"tells accounts where {outcome} followed from all others with ROC-AUC {auc:.3f} more than "
            f"{data.horizon_days} days ahead{f' (as do {len(alike)} more of {source})' if alike else ''}: {why}",
            "fate",
            source,
            auc,
            refuses,
        )


def _ahead(frame: pd.DataFrame, outcome: str, leaving: Collection[str]) -> pd.Series:
    """Per row: True before the first date within reach of the account's outcome, False where there never was one nor
    is one coming, else null."""
    happened = frame["as_of"].where(frame[outcome].astype(bool))
    first = happened.groupby(frame["account_id"]).transform("min")
    ahead = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    ahead[first.isna() & ~frame["account_id"].isin(leaving)] = False
    ahead[frame["as_of"] < first] = True
    return ahead


_OF_AN_END = re.compile(r"\b(ends_age|renews_age|follows)\b")
"""What observed terms say of their agreed end."""


def states_an_end(feature: Feature) -> bool:
    """Whether a feature reads a term's agreed end: an evergreen term has none, a fact of the contract, not a gap."""
    measures = [feature.measure, *(CATALOGUE[name].measure for name in references(feature.measure))]
    return feature.source == "subscriptions" and any(_OF_AN_END.search(str(measure)) for measure in measures)


def _auc(feature: Feature, rows: pd.DataFrame, positive: Bools) -> float:
    """ROC-AUC of a feature; a number may speak in either direction, a category as `rates` has it."""
    values = rows[feature.name]
    if feature.unit is Unit.CATEGORY:
        return _ranked(rates(values, rows["account_id"], positive), positive)
    return auc_of(values, positive)


def rates(words: pd.Series, accounts: pd.Series, positive: Bools) -> pd.Series:
    """Per row, the share of positive accounts among those of the other folds that had the same word, one more of the
    usual share added: a word that only one account has says nothing."""
    fold = pd.Series(pd.factorize(accounts)[0] % FOLDS, index=words.index)
    rows = pd.DataFrame({"word": words.astype("string"), "fold": fold, "account": accounts, "positive": positive})
    each = rows.groupby(["word", "fold", "account"])["positive"].max()
    sums = each.groupby(["word", "fold"]).agg(["sum", "count"])
    others = sums.groupby("word").transform("sum") - sums
    rate = (others["sum"] + each.mean()) / (others["count"] + 1)
    at = pd.MultiIndex.from_frame(rows[["word", "fold"]])
    return pd.Series(rate.reindex(at).to_numpy(), index=words.index)


def auc_of(values: pd.Series, positive: Bools) -> float:
    """ROC-AUC by ranks, in either direction: 0.5 is chance, 1 certainty."""
    auc = _ranked(values, positive)
    return max(auc, 1 - auc)


def _ranked(values: pd.Series, positive: Bools) -> float:
    """ROC-AUC by ranks of values of which the larger speak for an outcome."""
    ranks = values.rank().to_numpy()
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
