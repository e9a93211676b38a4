"""Every signal that the retention trade names has a feature; the ids are those of the list of capabilities."""

from __future__ import annotations

import pytest

from features.catalogue import CATALOGUE

SERVED: dict[str, str] = {
    # Systems and data sources.
    "Y01": "events_28d active_users_28d usage_rows_28d",
    "Y02": "segment strategic industry expansion_talks_open renewal_talks_open",
    "Y04": "open_tickets first_response_days_90d days_to_resolve_90d severe_tickets_90d",
    "Y05": "late_invoices_180d failed_payments_180d overages_180d overage_share_365d credits_180d unpaid_days",
    "Y06": "nps_last csat_last survey_response_180d surveys_unanswered_180d",
    "Y07": "days_to_renewal term_days auto_renew arr seats renewals_so_far terms_under_notice",
    "Y08": "tech_touch_response_180d programs_attended_180d attendance_180d",
    "Y09": "arr_change_180d arr_change_365d growth_so_far",
    "Y10": "contacts_here roles_covered contact_age_days",
    "Y11": "sponsor_signals_180d",
    "Y19": "pulse_last pulse_change_90d",
    "Y23": "contacts_here roles_covered roles_met_180d contacts_dormant_180d days_since_sponsor_contact",
    # Metrics.
    "M11": "days_to_first_value no_first_value",
    "M12": "breadth_28d critical_breadth_28d critical_share_28d",
    "M14": "contacts_verified_180d",
    "M18": "breadth_28d",
    "M19": "goals_progress goals_overdue",
    # Signals.
    "F01": "events_slope_12w events_7d events_28d events_90d events_change_4w events_change_16w events_change_90d",
    "F02": "active_users_7d active_users_change_4w",
    "F03": "active_days_28d active_days_90d days_since_use",
    "F04": "features_28d breadth_28d events_per_user_28d critical_share_28d",
    "F05": "seat_use",
    "F06": "quota_use_28d quota_peak_168d seat_use",
    "F07": "teams_28d new_teams",
    "F08": "features_undiscovered",
    "F09": "critical_features_stopped critical_events_change_16w",
    "F10": "usage_plateau",
    "F11": "week_one_seat_use",
    "F13": "events_surprise_8w events_change_1y events_off_season",
    "F14": "integration_share_28d critical_breadth_28d",
    "F15": "milestones_done milestones_open milestones_overdue days_since_milestone",
    "F16": "setup_complete",
    "F17": "setup_stalled_days",
    "F18": "days_to_first_value no_first_value",
    "F19": "onboarding_happy_share",
    "F20": "tickets_28d tickets_change_90d tickets_per_seat_90d",
    "F21": "severe_rise_28d severe_tickets_90d severe_share_90d",
    "F22": "reopened_share_90d oldest_open_ticket days_to_resolve_90d resolve_change_90d escalated_90d",
    "F23": "nps_last nps_delta nps_change_90d nps_gap_365d csat_change_90d",
    "F24": "comment_mood_365d survey_response_180d surveys_unanswered_180d",
    "F25": "reviews_attended_365d reviews_missed_365d",
    "F26": "advocacy_365d",
    "F27": "programs_attended_180d advocacy_365d",
    "F28": "two_way_change_90d attendance_180d users_lost_28d",
    "F29": "days_since_sponsor_contact sponsors_here days_since_champion_contact",
    "F30": "leads_left_180d champions_here sponsor_signals_180d",
    "F31": "deciders_joined_180d",
    "F32": "leads_left_180d leads_joined_180d sponsor_signals_180d",
    "F33": "executives_joined_180d",
    "F34": "contacts_dormant_180d",
    "F35": "people_met_180d roles_met_180d roles_covered",
    "F36": "contact_age_days",
    "F37": "failed_payments_180d late_invoices_180d unpaid_days",
    "F38": "days_to_renewal",
    "F39": "arr",
    "F40": "strategic",
    "F41": "entitled_features critical_features products product plan",
    "F42": "seats_change_180d arr_change_365d terms_under_notice",
    "F43": "budget_signals_180d budget_mentions_180d budget_comments_365d downgrade_mentions_180d",
    "F44": "overages_180d overage_share_365d",
    "F45": "renewal_intent_180d renew_mentions_180d renew_comments_365d",
    "F46": "upsell_signals_180d more_seats_mentions_180d more_seats_comments_365d expansion_talks_open",
    "F47": "no_first_value setup_complete goals_progress goals_overdue success_plan",
    "F48": "security_tickets_180d security_mentions_180d security_comments_365d compliance_signals_180d",
    "F49": "competitor_signals_180d competitor_mentions_180d competitor_comments_365d goals_progress",
    "F50": "tenure_days days_since_change",
    "F51": "tech_touch_response_180d",
    # A playbook whose presence is a signal.
    "P19": "success_plan",
}
"""The features that serve a capability, by its id."""

SYSTEMS = {*(f"Y{number:02}" for number in (1, 2, *range(4, 12), 19, 23))}
METRICS = {*(f"M{number:02}" for number in (11, 12, 14, 18, 19))}
SIGNALS = {*(f"F{number:02}" for number in range(1, 52) if number != 12)}
"""F12, the sudden drop in active users, is an alert over `active_users_change_4w`."""


def test_every_capability_that_asks_for_a_feature_has_one() -> None:
    assert set(SERVED) == SYSTEMS | METRICS | SIGNALS | {"P19"}


@pytest.mark.parametrize("capability", SERVED)
def test_the_features_that_serve_a_capability_exist(capability: str) -> None:
    names = SERVED[capability].split()
    assert names
    assert not set(names) - set(CATALOGUE)
    assert len(names) == len(set(names))
