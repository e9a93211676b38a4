"""What the account's people say, in scores and in words; silence is a signal of its own."""

from ibis import _

from features.catalogue.relationship import LEADS
from features.feature import Feature, Healthy, Reason, Unit
from features.measure import between, count, last, latest, mean, of
from features.sentiment import NEUTRAL

_NPS, _CSAT, _PULSE = _.kind == "nps", _.kind == "csat", _.kind == "pulse"
_ANSWERED = _.answered_age.notnull()
"""2026-11-27: an answer without a date is none, as SOURCES has it. Whoever counted it otherwise would let what nobody
says when it was learnt speak of the past; the audit tells how many there are."""
_TONES = f"unhappy|friendly|neutral|{NEUTRAL}"

FEATURES = (
    Feature(
        name="nps_last",
        source="surveys",
        measure=latest(_.score, where=_NPS & _.score.notnull(), by=_.answered_age),
        label="Last NPS answer, of 10",
        words="The last NPS answer was {nps_last} of 10",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="nps_mean_365d",
        source="surveys",
        measure=mean(_.score, last(365), where=_NPS),
        label="Mean NPS answer in a year, of 10",
        words="NPS answers of the last year average {nps_mean_365d} of 10",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="nps_delta",
        source="surveys",
        measure=of("nps_last") - of("nps_mean_365d"),
        label="Last NPS answer against the year's mean",
        words="The last NPS answer of {nps_last} lies {nps_delta:# below|# above|at} the year's mean",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="csat_last",
        source="surveys",
        measure=latest(_.score, where=_CSAT & _.score.notnull(), by=_.answered_age),
        label="Last CSAT answer",
        words="The last CSAT answer was {csat_last}",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.PRODUCT_ISSUE,
        empty=None,
    ),
    Feature(
        name="csat_change_90d",
        source="surveys",
        measure=mean(_.score, last(90), where=_CSAT) - mean(_.score, between(90, 365), where=_CSAT),
        label="CSAT of the last 90 days against the rest of the year",
        words="CSAT answers of the last 90 days lie {csat_change_90d:# below|# above|level with} those of the months "
        "before",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.PRODUCT_ISSUE,
        empty=None,
    ),
    Feature(
        name="pulse_last",
        source="surveys",
        measure=latest(_.score, where=_PULSE & _.score.notnull(), by=_.answered_age),
        label="The CSM's own rating",
        words="The CSM last rated the account {pulse_last}",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.CHAMPION_TURNOVER,
        empty=None,
    ),
    Feature(
        name="surveys_unanswered_180d",
        source="surveys",
        measure=count(between(14, 180), where=~_ANSWERED & _.theirs),
        label="Surveys without an answer in 180 days, the last two weeks' aside",
        words="{surveys_unanswered_180d} {surveys_unanswered_180d:survey|surveys} of the last 180 days, those of the "
        "last two weeks aside, got no answer",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.CHAMPION_TURNOVER,
        empty=0,
    ),
    Feature(
        name="surveys_answered_180d",
        source="surveys",
        measure=count(last(180), where=_ANSWERED & _.theirs),
        label="Surveys answered in 180 days",
        words="{surveys_answered_180d} {surveys_answered_180d:survey was|surveys were} answered in 180 days",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.CHAMPION_TURNOVER,
        empty=0,
    ),
    Feature(
        name="survey_response_180d",
        source="surveys",
        measure=of("surveys_answered_180d") / (of("surveys_answered_180d") + of("surveys_unanswered_180d")),
        label="Survey response rate in 180 days",
        words="{survey_response_180d} of the surveys of the last 180 days were answered",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.CHAMPION_TURNOVER,
        empty=None,
    ),
    Feature(
        name="comment_mood_365d",
        source="surveys",
        measure=mean(_.comment_sentiment, last(365), where=_.theirs),
        label="Mood of survey comments in a year, -1 to 1",
        words=f"Survey comments of the last year are {{comment_mood_365d:{_TONES}}} in tone: "
        "{comment_mood_365d} on a scale from -1 to 1",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="ticket_mood_90d",
        source="tickets",
        measure=mean(_.text_sentiment, last(90)),
        label="Mood of tickets in 90 days, -1 to 1",
        words=f"Tickets of the last 90 days are {{ticket_mood_90d:{_TONES}}} in tone: "
        "{ticket_mood_90d} on a scale from -1 to 1",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.PRODUCT_ISSUE,
        empty=None,
    ),
    Feature(
        name="nps_change_90d",
        source="surveys",
        measure=mean(_.score, last(90), where=_NPS) - mean(_.score, between(90, 365), where=_NPS),
        label="NPS of the last 90 days against the rest of the year",
        words="NPS answers of the last 90 days lie {nps_change_90d:# below|# above|level with} those of the months "
        "before",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="nps_gap_365d",
        source="surveys",
        measure=mean(_.score, last(365), where=_NPS & LEADS)
        - mean(_.score, last(365), where=_NPS & _.role.isin(["admin", "user"])),
        label="NPS of champions, sponsors and deciders against that of users and admins, in a year",
        words="Champions, sponsors and deciders score {nps_gap_365d:# below|# above|the same as} users and admins in "
        "NPS",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.CHAMPION_TURNOVER,
        empty=None,
    ),
    Feature(
        name="pulse_change_90d",
        source="surveys",
        measure=mean(_.score, last(90), where=_PULSE) - mean(_.score, between(90, 365), where=_PULSE),
        label="The CSM's own rating of the last 90 days against the rest of the year",
        words="The CSM's own rating lies {pulse_change_90d:# below|# above|level with} that of the months before",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.CHAMPION_TURNOVER,
        empty=None,
    ),
)
