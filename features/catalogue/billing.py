"""How the account pays its bills, and what is said about money and the next term."""

from ibis import _

from features.feature import Feature, Healthy, Reason, Unit
from features.measure import count, either, largest, last, latest, of, total

STATED = last(180)
"""So long a stated wish speaks."""
_OVERAGE = _.kind == "overage"
_UNPAID = _.paid_age.isnull() & (_.kind.isnull() | (_.kind != "credit"))

FEATURES = (
    Feature(
        name="late_invoices_180d",
        source="invoices",
        measure=count(last(180), where=(_.kind.fill_null("") != "credit") & (_.due_age - _.paid_age.fill_null(0) > 7)),
        label="Invoices over a week late in 180 days",
        words="{late_invoices_180d} {late_invoices_180d:invoice was|invoices were} paid over a week late, or not yet, "
        "in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=0,
    ),
    Feature(
        name="failed_payments_180d",
        source="invoices",
        measure=count(where=_.failed_age <= 180),
        label="Failed payments in 180 days",
        words="{failed_payments_180d} {failed_payments_180d:payment|payments} failed in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=0,
    ),
    Feature(
        name="unpaid_days",
        source="invoices",
        measure=largest(_.due_age, where=_UNPAID & (_.due_age > 0)),
        label="Days the oldest unpaid invoice is overdue",
        words="The oldest unpaid invoice is {unpaid_days} overdue",
        unit=Unit.DAYS,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=None,
    ),
    Feature(
        name="overages_180d",
        source="invoices",
        measure=count(last(180), where=_OVERAGE),
        label="Overage bills in 180 days",
        words="{overages_180d} overage {overages_180d:bill|bills} in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=0,
    ),
    Feature(
        name="budget_signals_180d",
        source="signals",
        measure=count(last(180), where=_.kind.isin(["budget", "consolidation"])),
        label="Reports of budget pressure in 180 days",
        words="{budget_signals_180d} {budget_signals_180d:report|reports} of budget pressure or consolidation "
        "in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=0,
    ),
    Feature(
        name="compliance_signals_180d",
        source="signals",
        measure=count(last(180), where=_.kind == "compliance"),
        label="Reports of compliance trouble in 180 days",
        words="{compliance_signals_180d} {compliance_signals_180d:report|reports} of compliance or security trouble in "
        "180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.COMPLIANCE_SECURITY,
        empty=0,
    ),
    Feature(
        name="competitor_signals_180d",
        source="signals",
        measure=count(last(180), where=_.kind == "competitor"),
        label="Reports of a competitor in 180 days",
        words="{competitor_signals_180d} {competitor_signals_180d:report|reports} of a competitor in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=0,
    ),
    Feature(
        name="overage_share_365d",
        source="invoices",
        measure=either(total(_.amount, last(365), where=_OVERAGE), 0) / of("arr"),
        label="Overage bills of a year against ARR",
        words="Overage bills of the last year come to {overage_share_365d} of ARR",
        unit=Unit.PERCENT,
        healthy=Healthy.LOW,
        reason=Reason.BUDGET_PRESSURE,
        empty=None,
    ),
    Feature(
        name="credits_180d",
        source="invoices",
        measure=count(last(180), where=_.kind == "credit"),
        label="Credits granted in 180 days",
        words="{credits_180d} {credits_180d:credit was|credits were} granted in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.NONE,
        reason=Reason.PRODUCT_ISSUE,
        empty=0,
    ),
    Feature(
        name="renewal_intent_180d",
        source="signals",
        measure=latest(_.strength, where=(_.kind == "renewal_intent") & (_.event_age <= STATED.until)),
        label="Last stated wish to renew, 0 to 100\N{NO-BREAK SPACE}%, of the last 180 days",
        words="The last stated wish to renew was {renewal_intent_180d}",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="renewal_talks_open",
        source="opportunities",
        measure=count(where=(_.kind == "renewal") & _.closed_age.isnull()),
        label="Renewal talks open",
        words="{renewal_talks_open} renewal {renewal_talks_open:talk is|talks are} open",
        unit=Unit.COUNT,
        healthy=Healthy.NONE,
        reason=Reason.CONTEXT,
        empty=0,
    ),
)
