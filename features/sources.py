"""The tables a company hands over, each declared once: columns, both clocks, rules.

The prose contract stands in `docs/sources.md`. Two clocks run in every table: `event_at` (it happened) and
`known_at` (the company's systems could first know it). A column with `learnt_at` holds a value that is learnt
later than its row; it is null in a snapshot until that date has passed.
"""

from features.segments import SIZES
from features.source import Column, Kind, Scale, Source


def _id(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.ID, required=required)


def _text(name: str, *values: str, required: bool = False, learnt_at: str | None = None) -> Column:
    return Column(name, Kind.TEXT, required=required, values=values, learnt_at=learnt_at)


def _flag(name: str, *, learnt_at: str | None = None) -> Column:
    return Column(name, Kind.FLAG, learnt_at=learnt_at)


def _number(
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    required: bool = False,
    learnt_at: str | None = None,
) -> Column:
    return Column(name, Kind.NUMBER, required=required, low=low, high=high, learnt_at=learnt_at)


def _time(name: str, *, required: bool = False, learnt_at: str | None = None) -> Column:
    return Column(name, Kind.TIME, required=required, learnt_at=learnt_at)


def _late(name: str) -> Column:
    """A date that is learnt on that date itself."""
    return _time(name, learnt_at=name)


MOST_COUNTED = 1e15
"""A petabyte, counted in bytes in one row. 2026-11-24: a trillion a day is honest where bytes or tokens are counted;
above a quadrillion stands no count but a clock, an id or a fault, and a float soon no longer tells one from two."""

_ACCOUNT = _id("account_id", required=True)
_HAPPENED = _time("event_at", required=True)
_KNOWN = _time("known_at")

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "accounts",
            "a version of an account's attributes; the newest row known before as_of speaks",
            (
                _ACCOUNT,
                _time("known_at", required=True),
                _text("name"),
                _text("segment", *SIZES),
                _text("industry"),
                _text("region"),
                _text("owner"),
                _flag("strategic"),
                _number("employees", low=0),
            ),
            key=("account_id", "known_at"),
            event=None,
            required=True,
        ),
        Source(
            "subscriptions",
            "a term of paid service; a change of price, plan or seats ends one row and starts another",
            (
                _id("subscription_id", required=True),
                _ACCOUNT,
                _time("known_at", required=True),
                _time("starts_on", required=True),
                _time("ends_on"),
                _number("arr", low=0, required=True),
                _number("seats", low=0),
                _text("plan"),
                _text("product"),
                _flag("auto_renew"),
                _number("discount", low=0, high=1),
                _late("notice_at"),
                _time("ended_on", learnt_at="ended_known_at"),
                _late("ended_known_at"),
            ),
            key=("subscription_id",),
            event=None,
            in_order=(("starts_on", "ends_on"), ("starts_on", "ended_on")),
            required=True,
        ),
        Source(
            "usage",
            "an event or a pre-counted bundle of events",
            (
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _id("user_id"),
                _text("team"),
                _text("feature"),
                Column("quantity", Kind.NUMBER, low=0, high=MOST_COUNTED, default=1),
            ),
            in_order=(("event_at", "known_at"),),
        ),
        Source(
            "entitlements",
            "a feature the account may use",
            (
                _ACCOUNT,
                _text("feature", required=True),
                _KNOWN,
                _flag("critical"),
                _number("quota", low=0),
            ),
            key=("account_id", "feature", "known_at"),
            event=None,
        ),
        Source(
            "milestones",
            "an onboarding step",
            (
                _ACCOUNT,
                _text("milestone", required=True),
                _KNOWN,
                _time("due_on"),
                _late("reached_at"),
            ),
            key=("account_id", "milestone"),
            event=None,
        ),
        Source(
            "tickets",
            "a support request",
            (
                _id("ticket_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("severity", "low", "normal", "high", "urgent"),
                _text("category"),
                _late("first_response_at"),
                _late("resolved_at"),
                _late("escalated_at"),
                _late("reopened_at"),
                _number("rating", low=1, high=5, learnt_at="rated_at"),
                _late("rated_at"),
                _text("text"),
            ),
            key=("ticket_id",),
            in_order=(
                ("event_at", "known_at"),
                ("event_at", "first_response_at"),
                ("event_at", "resolved_at"),
            ),
        ),
        Source(
            "surveys",
            "a question asked of a person",
            (
                _id("survey_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("kind", "nps", "csat", "ces", "pulse"),
                _id("contact_id"),
                Column("score", Kind.NUMBER, learnt_at="answered_at", scale=Scale("kind", "nps", 0, 10)),
                _text("comment", learnt_at="answered_at"),
                _late("answered_at"),
                _text("author"),
            ),
            key=("survey_id",),
            in_order=(("event_at", "known_at"), ("event_at", "answered_at")),
        ),
        Source(
            "invoices",
            "a bill",
            (
                _id("invoice_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _time("due_on"),
                _number("amount"),
                _text("kind", "subscription", "overage", "credit"),
                _late("paid_at"),
                _late("failed_at"),
            ),
            key=("invoice_id",),
            in_order=(("event_at", "known_at"),),
        ),
        Source(
            "contacts",
            "a person on the account's map",
            (
                _id("contact_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("role", "champion", "sponsor", "decision_maker", "admin", "user"),
                _text("title"),
                _late("left_at"),
                _late("verified_at"),
                _text("provider"),
            ),
            key=("contact_id", "known_at", "provider"),
            in_order=(("event_at", "known_at"), ("event_at", "left_at")),
        ),
        Source(
            "touchpoints",
            "contact between the company and the account",
            (
                _id("touchpoint_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text(
                    "kind",
                    *("qbr", "ebr", "check_in", "training", "webinar", "event", "reference", "referral"),
                    *("email", "call", "meeting", "nudge"),
                ),
                _id("contact_id"),
                _flag("attended"),
                _flag("two_way"),
            ),
            key=("touchpoint_id",),
            in_order=(("event_at", "known_at"),),
        ),
        Source(
            "opportunities",
            "a commercial conversation; `stage` and `amount` are what they are today, so no feature reads them "
            "before `closed_at`",
            (
                _id("opportunity_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("kind", "renewal", "expansion"),
                _number("amount", learnt_at="closed_at"),
                _time("closes_on"),
                _text("stage", learnt_at="closed_at"),
                _late("closed_at"),
                _flag("won", learnt_at="closed_at"),
            ),
            key=("opportunity_id",),
            in_order=(("event_at", "known_at"), ("event_at", "closed_at")),
        ),
        Source(
            "goals",
            "a success-plan goal",
            (
                _id("goal_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("name"),
                _time("due_on"),
                _number("progress", low=0, high=1, learnt_at="measured_at"),
                _late("measured_at"),
            ),
            key=("goal_id",),
            in_order=(("event_at", "known_at"),),
        ),
        Source(
            "signals",
            "anything dated that a person or a vendor reports",
            (
                _id("signal_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text(
                    "kind",
                    *("competitor", "budget", "consolidation", "compliance", "sponsor_change"),
                    *("renewal_intent", "upsell_interest", "reorganisation"),
                ),
                _text("value"),
                _text("note"),
                _text("author"),
            ),
            key=("signal_id",),
            in_order=(("event_at", "known_at"),),
        ),
        Source(
            "actions",
            "a playbook that was started for an account; no feature reads it, training may set its rows apart",
            (
                _id("action_id", required=True),
                _ACCOUNT,
                _HAPPENED,
                _KNOWN,
                _text("playbook"),
                _text("state", "started", "finished", "refused"),
            ),
            key=("action_id",),
            in_order=(("event_at", "known_at"),),
        ),
    )
}
