"""How fast an account came to its first value."""

from ibis import _

from features.feature import Feature, Healthy, Reason, Unit
from features.measure import count, of, smallest

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
)
