"""Suspicions that the tables know the future: what separates an outcome so well that no honest signal could.

A finding that separates an outcome refuses a training; one that is odd but proves nothing is told. Every threshold
stands beside the largest figure that honest data gave: three simulated companies and two public ones, 2026-11-24.
"""

from collections.abc import Collection, Iterator

import pandas as pd

from features.catalogue import READ
from features.source import Kind
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_ACCOUNTS
from training.clocks import odd_clocks
from training.dataset import Dataset
from training.ends import end_leaks
from training.gap import difference, gap_of, wilson
from training.leak import LEAK_COVERAGE, Leak, enough, fates, leaving, tells
from training.outcomes import OUTCOMES
from training.sayings import Said, sayings
from training.telling import feature_leaks

ODD_COVERAGE = 0.25
"""From here on a table that lacks the accounts where an outcome followed is told, and refuses nothing."""
LEAK_PURITY = 0.85
"""Of the accounts of which something was said, the share to whom the outcome then happened, by the lower end of the
interval: 22 of 22 accounts. Honest: 0.81, a limit hit before an upgrade in a generated company; 0.60 elsewhere."""
LEAK_REACH = 0.97
"""A report that reaches so many of the accounts where an outcome followed, and far fewer others, was written with
the outcome. Honest: 0.94 and 0.49 of the others (tickets of high severity before a stop), 0.83 and 0.21 (urgent
ones). Growth has steps that everybody takes, such as running into a limit (0.98 and 0.02): there it is only told."""
STATE = ("accounts", "subscriptions")


def leaks_of(warehouse: Warehouse, data: Dataset, outcomes: Collection[str] = tuple(OUTCOMES)) -> list[Leak]:
    """Every suspicion: whole tables first, then words in them, then the features of the other tables, then agreed ends
    and clocks."""
    first = {
        name: warehouse.engine.frame(rows.group_by("account_id").agg(seen=rows.known_at.min()))
        for name, rows in warehouse.tables.items()
        if name in READ - set(STATE)
    }
    left = {name: leaving(warehouse, data, name) for name in outcomes if enough(data, name)}
    fated = {name: fates(data, name, gone) for name, gone in left.items()}
    spoken = sayings(warehouse, fated, MIN_ACCOUNTS)
    found = []
    for outcome, fate in fated.items():
        tables = [leak for name, rows in first.items() for leak in _table_leaks(data, outcome, name, rows, fate)]
        named = {leak.source for leak in tables}
        words = [leak for said in spoken[outcome] for leak in _word_leaks(outcome, said) if leak.source not in named]
        found += [*tables, *words, *feature_leaks(data, outcome, named, left[outcome])]
    ends = end_leaks(warehouse, data.until) if "churn" in fated else []
    clocks = [
        Leak(odd.what, "any outcome", odd.words, "clock", odd.source, odd.share, refuses=False)
        for odd in odd_clocks(warehouse, data.until)
    ]
    return [*found, *ends, *clocks]


def refusals(leaks: Collection[Leak]) -> list[str]:
    """The suspicions that a training must not pass over, in words."""
    return [leak.told for leak in leaks if leak.refuses]


def _table_leaks(data: Dataset, outcome: str, name: str, first: pd.DataFrame, fate: pd.DataFrame) -> Iterator[Leak]:
    """Whether an account has any row in a table, held against what became of it (`fate`).

    Accounts are held against those that never met the outcome: of rows that an export has lost, all dates of an account
    are lost.
    """
    happened = data.frame[outcome].astype(bool)
    frame = data.frame[happened | data.frame["account_id"].isin(fate.loc[fate["happened"] == 0, "account_id"])]
    seen = frame["account_id"].map(first.set_index("account_id")["seen"])
    gap = gap_of(frame, outcome, (seen < frame["as_of"]).to_numpy(), MIN_ACCOUNTS)
    refuses = gap is not None and tells(gap)
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
