"""The rows of a source as observed on a date, with what follows from the source's own rows: which ticket is open, which
of a person's versions speaks, when a term ends next.
"""

from collections.abc import Callable, Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from features.asof import observe
from features.revenue import pays_on, with_end
from features.sources import SOURCES

WORKED_OUT: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "subscriptions": {
        "end_age": ("int64", "starts_on"),
        "first": ("boolean", "starts_on"),
        "renews_age": ("int64", "ends_on"),
        "follows": ("boolean", "ends_on"),
        "turns": ("int64", "ends_on"),
    },
    "entitlements": {"current": ("boolean", "feature")},
    "tickets": {
        "open": ("boolean", "resolved_at"),
        "resolved_at_after": ("float64", "resolved_at"),
        "first_response_at_after": ("float64", "first_response_at"),
        "waited": ("float64", "first_response_at"),
    },
    "surveys": {"theirs": ("boolean", "survey_id")},
    "contacts": {"role_changed_age": ("int64", "role")},
    "signals": {"strength": ("float64", "value")},
}
"""The columns that follow from a row itself: their type, and the column that they cannot do without."""

_NUMBER = r"^[0-9]*[.,]?[0-9]+([eE][-+]?[0-9]+)?$"


def observed_on(name: str, rows: ir.Table, as_of: date) -> ir.Table:
    """The rows of the source `name` as observed on a date, with what follows from each row itself."""
    if name == "tickets":
        rows = _timed(rows)
    observed = observe(rows, SOURCES[name], as_of)
    return _WORKED_OUT_BY[name](observed) if name in _WORKED_OUT_BY else observed


def _timed(tickets: ir.Table) -> ir.Table:
    """How many days, and parts of one, after its opening a ticket was answered, solved and opened again; learnt when
    that came."""
    given = [name for name in ("first_response_at", "resolved_at", "reopened_at") if name in tickets.columns]
    opened = tickets.event_at.epoch_seconds()
    return tickets.mutate(**{f"{name}_after": (tickets[name].epoch_seconds() - opened) / 86_400 for name in given})


def _asked(surveys: ir.Table) -> ir.Table:
    """Whether the account's own people were asked: a pulse is the CSM's rating, and its comment the CSM's words."""
    return surveys.mutate(theirs=surveys.kind.isnull() | (surveys.kind != "pulse"))


def _open(tickets: ir.Table) -> ir.Table:
    """Which ticket is open, and how many days it waited for a response.

    Open is what was never solved, or was opened again after it was solved, if only hours after. 2026-11-27: what was
    solved without a recorded response has waited until then, not until today.
    """
    both = {"reopened_at_after", "resolved_at_after"} <= set(tickets.columns)
    again = (tickets.reopened_at_after > tickets.resolved_at_after).fill_null(False) if both else ibis.literal(False)
    tickets = tickets.mutate(open=tickets.resolved_age.isnull() | again)
    if "first_response_at_after" not in tickets.columns:
        return tickets
    came = [tickets[name] for name in ("first_response_at_after", "resolved_at_after") if name in tickets.columns]
    return tickets.mutate(waited=ibis.coalesce(*came, tickets.event_age.cast("float64")))


def _used(usage: ir.Table) -> ir.Table:
    """A bundle of no events is no use."""
    return usage.filter(usage.quantity != 0)


FOLLOWS = 30
"""A term that begins within so many days of a running one's end goes on from it; further off it is another thing."""


def _terms(terms: ir.Table) -> ir.Table:
    """Which term was the first, when each ends next, how often it ran to its end, and whether it goes on from one that
    runs.

    One that renews by itself ends next at the next turn of its own length, and one of which a stop is known at that.
    2026-11-27: and has run to its end at every turn so far, until it stopped: who has renewed three times has renewed
    three times, whether anybody signed or not.
    """
    terms = with_end(terms)
    length = (terms.starts_age - terms.ends_age).nullif(0)
    turned = terms.ends_age - (terms.ends_age // length + 1) * length
    renews = ibis.cases(
        (terms.ended_age.notnull(), terms.ended_age),
        (terms.ends_age < 0, terms.ends_age),
        (terms.auto_renew, turned),
    )
    until = ibis.greatest(terms.ended_age.fill_null(0), 0)
    turns = ibis.cases((terms.auto_renew & (length > 0), (terms.ends_age - until) // length + 1), else_=1)
    turns = ibis.cases((terms.ends_age >= until, turns), else_=0).cast("int64")
    since = ibis.cases((terms.arr > 0, terms.starts_age)).max().over(group_by=terms.account_id)
    terms = terms.mutate(renews_age=renews, turns=turns, first=terms.starts_age == since)
    ends = ibis.cases((pays_on(terms, 0), terms.renews_age)).max().over(group_by=[terms.account_id, terms["product"]])
    ahead = (terms.starts_age < 0) & (terms.arr > 0)
    return terms.mutate(follows=ahead & (terms.starts_age >= ends - FOLLOWS) & (terms.starts_age <= ends + FOLLOWS))


def current(entitled: ir.Table) -> ir.Table:
    """A later row about the same feature takes the place of an earlier one."""
    newest = entitled.instant.min().over(group_by=[entitled.account_id, entitled.feature])
    return entitled.mutate(current=entitled.instant == newest)


def persons(contacts: ir.Table) -> ir.Table:
    """One row a person: whatever was known last speaks, whichever vendor said it; and when the role last changed."""
    told = [contacts[name].fill_null("") for name in ("provider", "role", "title")]
    newest = ibis.window(
        group_by=[contacts.account_id, contacts.contact_id], order_by=[contacts.known_age, contacts.instant, *told]
    )
    changed = ibis.cases((contacts.role != contacts.role.lead().over(newest), contacts.known_age))
    contacts = contacts.mutate(place=ibis.row_number().over(newest), changed=changed)
    contacts = contacts.mutate(
        role_changed_age=contacts.changed.min().over(group_by=[contacts.account_id, contacts.contact_id])
    )
    return contacts.filter(contacts.place == 0).drop("place", "changed")


def _stated(signals: ir.Table) -> ir.Table:
    """What is stated as a number, `0.3`, `30` or `30%`, is a share of what is certain; words have no strength, nor has
    what is more than certain: a year or a sum is no wish."""
    text = signals.value.replace("%", "").strip()
    plain = text.re_search(_NUMBER)
    number = ibis.cases((plain, ibis.cases((plain, text.replace(",", "."))).cast("float64")))
    hundredths = signals.value.contains("%") | (number > 1)
    share = ibis.cases((hundredths, number / 100), else_=number)
    return signals.mutate(strength=ibis.cases((share <= 1, share)))


_WORKED_OUT_BY: Mapping[str, Callable[[ir.Table], ir.Table]] = {
    "subscriptions": _terms,
    "entitlements": current,
    "tickets": _open,
    "surveys": _asked,
    "usage": _used,
    "contacts": persons,
    "signals": _stated,
}
