"""Suspicions that the tables know the future: what separates an outcome so well that no honest signal could.

A finding that separates an outcome refuses a training; one that is odd but proves nothing is told. Every threshold
stands beside the largest figure that honest data gave: three simulated companies and two public ones, 2026-11-24.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from features.catalogue import CATALOGUE, READ
from features.feature import Feature, Unit
from features.measure import references
from features.source import Kind
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_ACCOUNTS
from training.clocks import odd_clocks
from training.dataset import Dataset
from training.gap import Bools, Gap, difference, gap_of, wilson
from training.outcomes import OUTCOMES
from training.sayings import Said, sayings

LEAK_AUC = 0.998
"""ROC-AUC of one feature's value. The best honest one: 0.995, silence in the product 30 days before a stop, in a
generated company where nobody leaves otherwise; 0.98 over 90 days there, 0.86 elsewhere."""
LEAK_COVERAGE = 0.50
"""A table, or a value, that is missing so much more often where an outcome followed, the whole interval beyond it.
Honest: 0.40 (interest in more, hardly ever shown by those who left a generated company), 0.06 elsewhere."""
ODD_COVERAGE = 0.25
"""From here on a table that lacks the accounts where an outcome followed is told, and refuses nothing."""
LEAK_PRESENCE = 0.90
"""The same for what is there more often: work comes before results, so most expansions have their talk (0.25)."""
LEAK_PURITY = 0.85
"""Of the accounts of which something was said, the share to whom the outcome then happened, by the lower end of the
interval: 22 of 22 accounts. Honest: 0.81, a limit hit before an upgrade in a generated company; 0.60 elsewhere."""
LEAK_REACH = 0.97
"""A report that reaches so many of the accounts where an outcome followed, and far fewer others, was written with
the outcome. Honest: 0.94 and 0.49 of the others (tickets of high severity before a stop), 0.83 and 0.21 (urgent
ones). Growth has steps that everybody takes, such as running into a limit (0.98 and 0.02): there it is only told."""
FATE_AUC = 0.90
"""ROC-AUC, more than a horizon ahead, of accounts that would meet an outcome against those that never did. Signals
fade with distance: 0.60 in a simulated company, 0.61 in a realistic one."""
STATE_FATE_AUC = 0.95
"""The same of what an account is (a number of `accounts`), from which on it refuses: a state has no distance to fade
with, and an honest one reached 0.61. One that was written over when the account left, such as no employees, knows the
end at every date. A contract's age may well tell who leaves: 0.84 in a generated company; it is only told."""
STATE = ("accounts", "subscriptions")
MOST_ROWS = 100_000
"""So many rows, drawn at random, tell a leak as well as all."""


@dataclass(frozen=True)
class Leak:
    """Something suspected of knowing an outcome, with the figure and what to do.

    `feature` is a feature, a table, or a column as `table.column`; `kind` is value, coverage, word, fate or clock.
    """

    feature: str
    outcome: str
    words: str
    kind: str = "value"
    source: str = ""
    figure: float = 0.0
    refuses: bool = True

    @property
    def told(self) -> str:
        return f"{self.feature} {self.words}"


def leaks_of(warehouse: Warehouse, data: Dataset, outcomes: Collection[str] = tuple(OUTCOMES)) -> list[Leak]:
    """Every suspicion: whole tables first, then words in them, then the features of the other tables, then clocks."""
    first = {
        name: warehouse.engine.frame(rows.group_by("account_id").agg(seen=rows.known_at.min()))
        for name, rows in warehouse.tables.items()
        if name in READ - set(STATE)
    }
    spoken = sayings(warehouse, {name: fates(data, name) for name in outcomes if _enough(data, name)}, MIN_ACCOUNTS)
    found = []
    for outcome in outcomes:
        if not _enough(data, outcome):
            continue
        tables = [leak for name, rows in first.items() for leak in _table_leaks(data, outcome, name, rows)]
        named = {leak.source for leak in tables}
        words = [leak for said in spoken[outcome] for leak in _word_leaks(outcome, said) if leak.source not in named]
        found += [*tables, *words, *_feature_leaks(data, outcome, named)]
    clocks = [
        Leak(odd.what, "any outcome", odd.words, "clock", odd.source, odd.share, refuses=False)
        for odd in odd_clocks(warehouse, data.until)
    ]
    return [*found, *clocks]


def leaks_in(data: Dataset, outcomes: Collection[str] = tuple(OUTCOMES)) -> list[Leak]:
    """The suspicions that a dataset shows by itself, feature by feature."""
    return [leak for name in outcomes if _enough(data, name) for leak in _feature_leaks(data, name, frozenset())]


def refusals(leaks: Collection[Leak]) -> list[str]:
    """The suspicions that a training must not pass over, in words."""
    return [leak.told for leak in leaks if leak.refuses]


def fates(data: Dataset, outcome: str) -> pd.DataFrame:
    """One row an account: `account_id`, `happened` (0/1), and `until`, the last date of the data on which it could
    still be asked: where it happened, the last date before it."""
    happened = data.frame["as_of"].where(data.frame[outcome].astype(bool))
    by_account = data.frame[["account_id", "as_of"]].assign(before=happened).groupby("account_id").agg(
        before=("before", "max"), last=("as_of", "max")
    )  # fmt: skip
    return pd.DataFrame(
        {
            "account_id": by_account.index.astype("string"),
            "until": by_account["before"].fillna(by_account["last"]).to_numpy(),
            "happened": by_account["before"].notna().to_numpy().astype("int64"),
        }
    )


def auc_of(values: pd.Series, positive: Bools) -> float:
    """ROC-AUC by ranks, in either direction: 0.5 is chance, 1 certainty."""
    ranks = values.rank().to_numpy()
    ones, zeros = int(positive.sum()), int((~positive).sum())
    auc = (ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    return float(max(auc, 1 - auc))


def _enough(data: Dataset, outcome: str) -> bool:
    happened = data.labels(outcome).sum()
    return bool(MIN_ACCOUNTS <= happened <= len(data.frame) - MIN_ACCOUNTS)


def _tells(gap: Gap) -> bool:
    """Whether the whole interval lies beyond what honest tables show."""
    return gap.high < -LEAK_COVERAGE or gap.low > LEAK_PRESENCE


def _table_leaks(data: Dataset, outcome: str, name: str, first: pd.DataFrame) -> Iterator[Leak]:
    """Whether an account has any row in a table, held against what became of it.

    Accounts are held against those that never met the outcome: of rows that an export has lost, all dates of an account
    are lost.
    """
    happened = data.frame[outcome].astype(bool)
    frame = data.frame[happened | ~happened.groupby(data.frame["account_id"]).transform("any")]
    seen = frame["account_id"].map(first.set_index("account_id")["seen"])
    gap = gap_of(frame, outcome, (seen < frame["as_of"]).to_numpy(), MIN_ACCOUNTS)
    refuses = gap is not None and _tells(gap)
    if gap is not None and (refuses or gap.high < -ODD_COVERAGE):
        less = gap.difference < 0
        cure = (
            f"the export of {name} seems to keep only accounts that stayed; export the rows of all, also of those gone"
            if less
            else f"check when the rows of {name} were really entered, and map that to known_at, or leave the table out"
        )
        yield Leak(
            name,
            outcome,
            f"has rows of an account {abs(gap.difference):.0%} {'less' if less else 'more'} often where {outcome} "
            f"followed ({gap.low:+.0%} to {gap.high:+.0%}); {cure}",
            "coverage",
            name,
            gap.difference,
            refuses,
        )
        return
    fate = fates(data, outcome)
    known = fate["account_id"].map(first.set_index("account_id")["seen"]) < fate["until"]
    happened = fate["happened"] == 1
    said = Said(name, "", "", int(known.sum()), int((known & happened).sum()), len(fate), int(happened.sum()))
    yield from _word_leaks(outcome, said)


def _word_leaks(outcome: str, said: Said) -> Iterator[Leak]:
    """A word that is said almost only of accounts to whom the outcome then happens, or of nearly all of them."""
    others, rest = said.all_accounts - said.accounts, said.all_happened - said.happened
    spared = said.all_accounts - said.all_happened
    if min(said.accounts, others, said.all_happened, spared) < MIN_ACCOUNTS:
        return
    where = f"{said.source}.{said.column}" if said.column else said.source
    what = f"says {said.word!r}" if said.column else "has rows"
    cure = f"leave {'the column' if said.column else 'the table'} out of the mapping"
    cure = f"it seems to be written after the fact: map the moment of writing to known_at, or {cure}"
    if wilson(said.share, said.accounts)[0] >= LEAK_PURITY and said.share - rest / others >= LEAK_COVERAGE:
        yield Leak(
            where,
            outcome,
            f"{what} of {said.accounts} accounts, and {outcome} followed for {said.happened} of them "
            f"({said.share:.0%}; {rest / others:.0%} of the others); {cure}",
            "word",
            said.source,
            said.share,
        )
        return
    reach, usual = said.happened / said.all_happened, (said.accounts - said.happened) / spared
    gap = difference(reach, said.all_happened, usual, spared)
    everybody = reach >= LEAK_REACH and wilson(reach, said.all_happened)[0] >= LEAK_PURITY
    if everybody and gap.low >= LEAK_COVERAGE and _is_reported(said):
        yield Leak(
            where,
            outcome,
            f"{what} of {reach:.0%} of the accounts where {outcome} followed, and of {usual:.0%} of the others; no "
            f"report reaches everybody in time: {cure}",
            "word",
            said.source,
            gap.difference,
            refuses=OUTCOMES[outcome].bad,
        )


def _is_reported(said: Said) -> bool:
    """Whether somebody wrote the word about an account in the course of things; its contract and its attributes are
    what it is, and all who leave may well be alike in those."""
    state = said.source in (*STATE, "entitlements")
    return bool(said.column) and not state and SOURCES[said.source].column(said.column).kind is Kind.TEXT


def _feature_leaks(data: Dataset, outcome: str, passed: Collection[str]) -> Iterator[Leak]:
    """Features, of sources other than `passed`, that are suspected of an outcome."""
    frame = data.frame if len(data.frame) <= MOST_ROWS else data.frame.sample(MOST_ROWS, random_state=0)
    happened = frame[outcome].astype(bool).to_numpy()
    accounts = frame["account_id"]
    ahead = _ahead(frame, outcome)
    far: dict[str, list[tuple[float, str]]] = {}
    for name in data.features:
        feature = CATALOGUE[name]
        if feature.source in passed:
            continue
        known = data.frame[name].notna().to_numpy()
        if not known.all() and not states_an_end(feature):
            yield from _coverage_leaks(data, outcome, feature, known)
        if feature.unit is Unit.CATEGORY:
            continue
        values, told = frame[name], frame[name].notna().to_numpy()
        if min(accounts[told & happened].nunique(), accounts[told & ~happened].nunique()) < MIN_ACCOUNTS:
            continue
        auc = auc_of(values[told], happened[told])
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
                far.setdefault(feature.source, []).append((auc_of(values[asked], fated), name))
    for source, ranked in far.items():
        yield from _fate_leaks(data, outcome, source, sorted(ranked, reverse=True))


def _coverage_leaks(data: Dataset, outcome: str, feature: Feature, known: Bools) -> Iterator[Leak]:
    gap = gap_of(data.frame, outcome, known, MIN_ACCOUNTS)
    if gap is not None and _tells(gap):
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


def _ahead(frame: pd.DataFrame, outcome: str) -> pd.Series:
    """Per row: True before the first date within reach of the account's outcome, False where there never was one,
    else null."""
    happened = frame["as_of"].where(frame[outcome].astype(bool))
    first = happened.groupby(frame["account_id"]).transform("min")
    ahead = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    ahead[first.isna()] = False
    ahead[frame["as_of"] < first] = True
    return ahead


def states_an_end(feature: Feature) -> bool:
    """Whether a feature reads a term's agreed end: an evergreen term has none, a fact of the contract, not a gap."""
    measures = [feature.measure, *(CATALOGUE[name].measure for name in references(feature.measure))]
    return feature.source == "subscriptions" and any("ends_age" in str(measure) for measure in measures)
