"""The banks of sentences from which survey comments and the notes of CSMs and vendors are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REMARKS: Final = (
    (
        "Great product, our teams use it every day.",
        "Very happy with the support.",
        "It saves us hours every week.",
        "Easy to use and reliable.",
        "Our CSM is fantastic.",
        "We love {thing}.",
        "{team} would not want to work without it.",
        "Excellent value, we recommend it to partners.",
        "Onboarding was smooth and quick.",
        "{thing} made a real difference.",
        "Clear return on investment for us.",
        "Best tool we have introduced in years.",
    ),
    (
        "It is okay.",
        "Does what it should, mostly.",
        "Some good parts, some not so good.",
        "Fine so far, room for improvement.",
        "We only use {thing}.",
        "Neutral, no strong opinion.",
        "{thing} could be better.",
        "Useful for {team}, less so for others.",
    ),
    (
        "Not happy.",
        "We expected more.",
        "Disappointing.",
        "Frustrating experience.",
        "It does not work for us.",
        "Poor, I would not recommend it.",
        "{team} has given up on {thing}.",
        "Too many problems.",
        "We regret the choice.",
    ),
)

# Value, relationship, trouble, budget, compliance.
COMMENTS: Final = (
    (
        "We do not see the value yet.",
        "Hardly anybody in {team} uses it.",
        "We could do the same in a spreadsheet.",
        "The promised results have not arrived.",
        "A competitor does this better.",
        "We use a fraction of what we pay for.",
        "The return on investment is unclear.",
        "We never finished the rollout.",
    ),
    (
        "Our contact changed and nobody picked us up.",
        "The person who brought this in has left.",
        "We have not heard from anyone in months.",
        "New management questions all tools.",
        "I inherited this and do not know why we have it.",
        "The reviews with you stopped.",
        "There is no owner on our side any more.",
    ),
    (
        "{thing} is buggy and slow.",
        "Too many outages.",
        "Support takes far too long.",
        "The last release broke {thing}.",
        "The same bug keeps coming back.",
        "Errors in {thing} every week.",
        "Reliability has to improve.",
    ),
    (
        "Too expensive for what we use.",
        "Our budget has been cut.",
        "The price increase is hard to explain.",
        "Finance wants fewer tools.",
        "We pay for seats that nobody uses.",
        "Cost is a concern.",
        "We have to save money this year.",
    ),
    (
        "Security questions are still open.",
        "Our audit found gaps.",
        "The privacy review is not finished.",
        "We need better access controls.",
        "Compliance is worried about data residency.",
        "Missing certifications are a problem for us.",
        "The answers to our security questionnaire were thin.",
    ),
)

NOTES: Final[Mapping[str, tuple[str, ...]]] = {
    "competitor": (
        "mentioned that they are evaluating another vendor",
        "seen in a demo of a competing product",
        "asked how we compare with an alternative",
        "{team} is running a trial elsewhere",
        "a request for proposals is out",
    ),
    "budget": (
        "budget under review, every contract is looked at",
        "CFO asked for savings across all tools",
        "spending freeze announced",
        "asked for a discount twice this month",
        "headcount reduction in {team}",
    ),
    "consolidation": (
        "wants fewer vendors",
        "procurement is consolidating tools across departments",
        "group-wide suite under discussion",
        "application sprawl review started",
    ),
    "compliance": (
        "security review raised open questions",
        "data protection officer not satisfied yet",
        "new regulation needs an addendum",
        "failed one control in the vendor audit",
        "legal asks for data residency",
    ),
    "sponsor_change": (
        "our sponsor has a new job",
        "champion is leaving according to a public profile",
        "new head of {team} took over",
        "main contact went silent, automatic reply says gone",
        "sponsor moved to another division",
    ),
    "renewal_intent_yes": (
        "said that they will renew",
        "renewal is in next year's plan",
        "wants a longer term",
        "sponsor confirmed the renewal in the call",
    ),
    "renewal_intent_unsure": (
        "renewal not decided yet",
        "wants to see numbers before talking about renewal",
        "asked for options for the coming term",
        "renewal depends on the new owner",
    ),
    "renewal_intent_no": (
        "will probably not renew",
        "does not see a reason to renew",
        "hinted that the contract will not be extended",
        "asked for the notice period",
    ),
    "upsell_interest": (
        "{team} would like seats too",
        "asked for a quote for the next plan",
        "interested in {thing} for another department",
        "limits are nearly reached, asked about more",
        "wants to roll out to a second country",
    ),
    "reorganisation": (
        "reorganisation announced",
        "{team} is being merged with another department",
        "parent company changes the structure",
        "new management in place",
    ),
}
