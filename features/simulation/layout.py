"""The columns of the tables as the simulation writes them, with the clock on which each late value
is learnt.

Scales that the source contract leaves open: nps 0 to 10, csat 1 to 5, ces 1 to 7 (7 = effortless), pulse 1
to 5; `signals.value` is a strength from 0 to 1, and for renewal_intent the stated wish to stay (0 = leaves,
1 = stays); a credit has a positive amount, its kind says that it is one. A contact's `left_at` is the day on
which somebody noticed, weeks after the departure itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SEGMENTS: Final = ("smb", "mid_market", "enterprise")
INDUSTRIES: Final = (
    "software",
    "finance",
    "healthcare",
    "retail",
    "logistics",
    "manufacturing",
    "education",
    "media",
)
REGIONS: Final = ("north_america", "europe", "asia_pacific", "latin_america")
PLANS: Final = ("starter", "growth", "scale")
PRODUCTS: Final = ("workspace",)
FEATURES: Final = (
    "login",
    "dashboards",
    "reports",
    "search",
    "comments",
    "exports",
    "automations",
    "integrations",
    "alerts",
    "api",
    "forecasting",
    "audit_log",
)
MILESTONES: Final = ("sso_enabled", "data_imported", "first_automation_live", "users_active")
SEVERITIES: Final = ("low", "normal", "high", "urgent")
CATEGORIES: Final = (
    "how_to",
    "bug",
    "performance",
    "integration",
    "billing",
    "access",
    "security",
    "request",
)
SURVEY_KINDS: Final = ("nps", "csat", "ces", "pulse")
INVOICE_KINDS: Final = ("subscription", "overage", "credit")
ROLES: Final = ("champion", "sponsor", "decision_maker", "admin", "user")
PROVIDERS: Final = ("crm", "vendor_a", "vendor_b", "vendor_c")
TOUCHES: Final = (
    "qbr",
    "ebr",
    "check_in",
    "training",
    "webinar",
    "event",
    "reference",
    "referral",
    "email",
    "call",
    "meeting",
    "nudge",
)
DEALS: Final = ("renewal", "expansion")
STAGES: Final = ("discovery", "proposal", "negotiation", "closed_won", "closed_lost")
GOALS: Final = ("hours_saved", "active_teams", "cycle_time", "reporting_accuracy", "cost_per_case", "rollout")
SIGNALS: Final = (
    "competitor",
    "budget",
    "consolidation",
    "compliance",
    "sponsor_change",
    "renewal_intent",
    "upsell_interest",
    "reorganisation",
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; `learnt` names the column of the same row that dates its value, when that is not the row's
    own date.
    """

    learnt: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Time(Column):
    """A moment."""


@dataclass(frozen=True)
class Number(Column):
    """A number rounded to `digits`; no digits means a yes or no."""

    digits: int | None = 0


@dataclass(frozen=True)
class Text(Column):
    """Free text."""


@dataclass(frozen=True)
class Code(Column):
    """One of the words of a vocabulary."""

    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True)
class Id(Column):
    """A number written as an opaque name; `within` puts the account's name before it."""

    prefix: str = ""
    width: int = 7
    within: str = ""


def _own(prefix: str) -> Id:
    return Id(prefix=f"{prefix}-", kind="own")


_ACCOUNT = Id(prefix="acc-", width=5)
_CONTACT = Id(prefix="con-")
_OWNER = Id(prefix="csm-", width=3)
_AT, _FLAG, _SCORE, _MONEY = Time(), Number(None), Number(4), Number(2)


def _itself(name: str) -> Time:
    return Time(learnt=name)


LAYOUT: Final[Mapping[str, Mapping[str, Column]]] = {
    "accounts": {
        "account_id": _ACCOUNT,
        "known_at": _AT,
        "name": Text(),
        "segment": Code(SEGMENTS),
        "industry": Code(INDUSTRIES),
        "region": Code(REGIONS),
        "owner": _OWNER,
        "strategic": _FLAG,
        "employees": Number(0),
    },
    "subscriptions": {
        "subscription_id": _own("sub"),
        "account_id": _ACCOUNT,
        "known_at": _AT,
        "starts_on": _AT,
        "ends_on": _AT,
        "arr": _MONEY,
        "seats": Number(0),
        "plan": Code(PLANS),
        "product": Code(PRODUCTS),
        "auto_renew": _FLAG,
        "discount": _SCORE,
        "notice_at": _itself("notice_at"),
        "ended_on": Time(learnt="ended_known_at"),
        "ended_known_at": _itself("ended_known_at"),
    },
    "usage": {
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "user_id": Id(prefix="u", width=3, within="account_id"),
        "team": Id(prefix="t", width=2, within="account_id"),
        "feature": Code(FEATURES),
        "quantity": Number(0),
    },
    "entitlements": {
        "account_id": _ACCOUNT,
        "feature": Code(FEATURES),
        "known_at": _AT,
        "critical": _FLAG,
        "quota": Number(0),
    },
    "milestones": {
        "account_id": _ACCOUNT,
        "milestone": Code(MILESTONES),
        "known_at": _AT,
        "due_on": _AT,
        "reached_at": _itself("reached_at"),
    },
    "tickets": {
        "ticket_id": _own("tic"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "severity": Code(SEVERITIES),
        "category": Code(CATEGORIES),
        "first_response_at": _itself("first_response_at"),
        "resolved_at": _itself("resolved_at"),
        "escalated_at": _itself("escalated_at"),
        "reopened_at": _itself("reopened_at"),
        "rating": Number(0, learnt="rated_at"),
        "rated_at": _itself("rated_at"),
        "text": Text(),
    },
    "surveys": {
        "survey_id": _own("sur"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "kind": Code(SURVEY_KINDS),
        "contact_id": _CONTACT,
        "score": Number(0, learnt="answered_at"),
        "comment": Text(learnt="answered_at"),
        "answered_at": _itself("answered_at"),
        "author": _OWNER,
    },
    "invoices": {
        "invoice_id": _own("inv"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "due_on": _AT,
        "amount": _MONEY,
        "kind": Code(INVOICE_KINDS),
        "paid_at": _itself("paid_at"),
        "failed_at": _itself("failed_at"),
    },
    "contacts": {
        "contact_id": _own("con"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "role": Code(ROLES),
        "title": Text(),
        "left_at": _itself("left_at"),
        "verified_at": _itself("verified_at"),
        "provider": Code(PROVIDERS),
    },
    "touchpoints": {
        "touchpoint_id": _own("tou"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "kind": Code(TOUCHES),
        "contact_id": _CONTACT,
        "attended": _FLAG,
        "two_way": _FLAG,
    },
    "opportunities": {
        "opportunity_id": _own("opp"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "kind": Code(DEALS),
        "amount": _MONEY,
        "closes_on": _AT,
        "stage": Code(STAGES),
        "closed_at": _itself("closed_at"),
        "won": Number(None, learnt="closed_at"),
    },
    "goals": {
        "goal_id": _own("goa"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "name": Code(GOALS),
        "due_on": _AT,
        "progress": Number(4, learnt="measured_at"),
        "measured_at": _itself("measured_at"),
    },
    "signals": {
        "signal_id": _own("sig"),
        "account_id": _ACCOUNT,
        "event_at": _AT,
        "known_at": _AT,
        "kind": Code(SIGNALS),
        "value": _SCORE,
        "note": Text(),
        "author": Text(),
    },
}
