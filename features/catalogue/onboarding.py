"""How fast an account came to its first value."""

from ibis import _

from features.catalogue.usage import NAMED
from features.feature import Feature, Healthy, Reason, Unit
from features.measure import count, either, largest, last, named, of, only_if, smallest

_FROM_START = _.event_age <= _.paid_age
_FIRST_VALUE = largest(_.event_age, last(365), where=_FROM_START & (_.paid_age < 366) & _.critical)
"""2026-11-27: asked only of accounts of up to a year, whom it is told of: a tenth of the rows, half of the time."""
_EARLY = _FROM_START & (_.event_age > _.paid_age - 90)
_HAPPY = ((_.kind == "nps") & (_.score >= 9)) | ((_.kind == "csat") & (_.score >= 4))

FEATURES = (
    Feature(
        name="milestones_open",
        source="milestones",
        measure=count(where=_.reached_age.isnull()),
        label="Onboarding steps still open",
        words="{milestones_open} onboarding {milestones_open:step is|steps are} still open",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="milestones_done",
        source="milestones",
        measure=count(where=_.reached_age.notnull()),
        label="Onboarding steps reached",
        words="{milestones_done} onboarding {milestones_done:step has|steps have} been reached",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="setup_complete",
        source="milestones",
        measure=of("milestones_done") / (of("milestones_done") + of("milestones_open")),
        label="Set-up completed",
        words="Set-up is {setup_complete} complete",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="milestones_overdue",
        source="milestones",
        measure=count(where=_.reached_age.isnull() & (_.due_age > 0)),
        label="Onboarding steps overdue",
        words="{milestones_overdue} onboarding {milestones_overdue:step is|steps are} past the due date",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="days_since_milestone",
        source="milestones",
        measure=smallest(_.reached_age),
        label="Days since the last onboarding step",
        words="The last onboarding step was reached {days_since_milestone} ago",
        unit=Unit.DAYS,
        healthy=Healthy.NONE,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="setup_stalled_days",
        source="milestones",
        measure=only_if(of("milestones_open") > 0, either(smallest(_.reached_age), largest(_.event_age))),
        label="Days without progress while onboarding is open",
        words="Onboarding is not finished and has not moved for {setup_stalled_days}",
        unit=Unit.DAYS,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="days_to_first_value",
        source="usage",
        measure=only_if(of("tenure_days") < 366, of("tenure_days") - _FIRST_VALUE),
        label="Days to first value: from the first paid day to the first use of a value-bearing feature (accounts of "
        "up to a year)",
        words="The first use of a feature that bears the value came {days_to_first_value} after the first paid day",
        unit=Unit.DAYS,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="no_first_value",
        source="usage",
        measure=only_if(
            (of("tenure_days") < 366) * (of("critical_features") > 0) * (named(_.feature, last(28), NAMED) > -1),
            either(_FIRST_VALUE * 0, 1),  # 1 where there is none
        ),
        label="First value still to come (accounts of up to a year)",
        words="{no_first_value:No|A} feature that bears the value has been used since the first paid day",
        unit=Unit.FLAG,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="week_one_seat_use",
        source="usage",
        measure=only_if(
            (of("tenure_days") > 6) * (of("tenure_days") < 121),
            named(_.user_id, last(120), where=_FROM_START & (_.event_age > _.paid_age - 7)) / of("seats_at_start"),
        ),
        label="Seats in use in the first seven paid days (known until day 120)",
        words="{week_one_seat_use} of the seats were in use in the first week",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="onboarding_happy_share",
        source="surveys",
        measure=count(where=_EARLY & _HAPPY) / count(where=_EARLY & _.score.notnull() & _.kind.isin(["nps", "csat"])),
        label="Share of good answers (NPS 9 or 10, CSAT 4 or more) to surveys of the first 90 paid days",
        words="{onboarding_happy_share} of the NPS and CSAT answers from the first 90 days were good",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
)
