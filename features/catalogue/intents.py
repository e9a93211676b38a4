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

_WHERE = (
    ("tickets", "text", "mentions", 180, "180 days", "", "ticket|tickets"),
    ("surveys", "comment", "comments", 365, "a year", "survey ", "comment|comments"),
)
"""A source, its text, how its features are called, the days looked back in numbers and in words, and what one text and
many are called."""


def _features() -> Iterator[Feature]:
    for intent, verb, what, healthy, reason in _SAID:
        for source, text, called, days, span, of, nouns in _WHERE:
            name, stated = f"{intent}_{called}_{days}d", getattr(_, f"{text}_{intent}")
            (one, many), (speaks, speak) = nouns.split("|"), verb.split("|")
            yield Feature(
                name=name,
                source=source,
                measure=count(last(days), where=stated & _.theirs if source == "surveys" else stated),
                label=f"{(of + many).capitalize()} that {speak} {what}, in {span}",
                words=f"{{{name}}} {of}{{{name}:{one} {speaks}|{many} {speak}}} {what} in {span}",
                unit=Unit.COUNT,
                healthy=healthy,
                reason=reason,
                empty=0,
            )


FEATURES = tuple(_features())
