"""What the account's people say that they mean to do: each plain intent a feature, of tickets and of comments."""

from collections.abc import Iterator

from ibis import _

from features.feature import Feature, Healthy, Reason, Unit
from features.measure import count, last

_SAID = (
    ("cancel", "speaks|speak", "of leaving", Healthy.LOW, Reason.VALUE_GAP),
    ("competitor", "names|name", "an alternative", Healthy.LOW, Reason.VALUE_GAP),
    ("budget", "speaks|speak", "of their budget", Healthy.LOW, Reason.BUDGET_PRESSURE),
    ("downgrade", "asks|ask", "for less: fewer seats or a smaller plan", Healthy.LOW, Reason.BUDGET_PRESSURE),
    ("security", "speaks|speak", "of security", Healthy.LOW, Reason.COMPLIANCE_SECURITY),
    ("renew", "speaks|speak", "of renewing", Healthy.HIGH, Reason.VALUE_GAP),
    ("more_seats", "asks|ask", "for more seats", Healthy.HIGH, Reason.ROOM_TO_GROW),
)
"""An intent, the verb for one text and for many, what follows it, its healthy side and its reason."""


def _features() -> Iterator[Feature]:
    for intent, verb, what, healthy, reason in _SAID:
        one, many = verb.split("|")
        mentions, comments = f"{intent}_mentions_180d", f"{intent}_comments_365d"
        yield Feature(
            name=mentions,
            source="tickets",
            measure=count(last(180), where=getattr(_, f"text_{intent}")),
            label=f"Tickets that {many} {what}, in 180 days",
            words=f"{{{mentions}}} {{{mentions}:ticket {one}|tickets {many}}} {what} in 180 days",
            unit=Unit.COUNT,
            healthy=healthy,
            reason=reason,
            empty=0,
        )
        yield Feature(
            name=comments,
            source="surveys",
            measure=count(last(365), where=getattr(_, f"comment_{intent}")),
            label=f"Survey comments that {many} {what}, in a year",
            words=f"{{{comments}}} survey {{{comments}:comment {one}|comments {many}}} {what} in a year",
            unit=Unit.COUNT,
            healthy=healthy,
            reason=reason,
            empty=0,
        )


FEATURES = tuple(_features())
