"""An intent is stated or it is not: denied, in doubt, past, asked, somebody else's or about another thing."""

from pathlib import Path

import pandas as pd
import pytest

from features.sentiment import INTENTS, read, read_all

PHRASES = Path(__file__).with_name("intent_phrases.csv")


def stated(text: str) -> set[str]:
    reading = read(text)
    assert reading is not None, text
    return {intent for intent in INTENTS if getattr(reading, intent)}


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Nothing has changed since March we will cancel our contract.", "cancel"),
        ("It was not repaired please close our account.", "cancel"),
        ("They do not answer we are leaving.", "cancel"),
        ("This isn't what we bought we will switch to Zoho.", "competitor"),
        ("It is not used much we need to cut seats.", "downgrade"),
        ("We can't wait any longer and may leave.", "cancel"),
    ],
)
def test_a_denial_ends_where_a_new_clause_opens(text: str, intent: str) -> None:
    assert stated(text) == {intent}


@pytest.mark.parametrize(
    "text",
    [
        "We do not think that we will leave.",
        "I don't believe we need 20 more seats.",
        "Nobody said we want to cancel our plan.",
        "It is unlikely that we will downgrade.",
    ],
)
def test_a_denied_belief_denies_what_is_believed(text: str) -> None:
    assert stated(text) == set()


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("Google login does not work.", set()),
        ("HubSpot does the same for half.", {"competitor"}),
        ("20 more users cannot log in.", set()),
        ("Five additional users are affected by the outage.", set()),
        ("Only 12 of our 50 seats are used, can we pay for fewer?", set()),
        ("All licences are used by people who left.", set()),
        ("All licences are used.", {"more_seats"}),
        ("Please free up their seats.", set()),
        ("We cancelled our contract with your competitor to consolidate on you.", set()),
        ("We terminated our agreement with another vendor last year.", set()),
        ("We canceled our Salesforce contract.", set()),
        ("Can you downgrade Jane from admin to viewer?", set()),
        ("The dashboard downgraded its resolution.", set()),
        ("Security deposit invoice is missing.", set()),
        ("We have decided not to continue with you.", {"cancel"}),
        ("Decision made: no renewal.", {"cancel"}),
        ("We are sunsetting the tool.", {"cancel"}),
        ("We don't need it anymore.", {"cancel"}),
        ("Please reduce us from 100 to 60 users.", {"downgrade"}),
        ("We want to halve our licences.", {"downgrade"}),
        ("Finance has frozen all software spending.", {"budget"}),
        ("We are happy to sign again.", {"renew"}),
    ],
)
def test_words_of_the_trade_are_heard_in_their_place(text: str, intents: set[str]) -> None:
    assert stated(text) == intents


@pytest.mark.parametrize(
    "text",
    [
        "Please close our account manager's duplicate ticket.",
        "Can I delete a template of the plan?",
        "Please cancel the second invoice.",
        "Stop the plan emails, please.",
        "The app freezes when I close the account settings.",
        "Please delete my test workspace.",
        "Could you stop sending contracts by post?",
        "We are leaving for lunch.",
        "I do not need it any more, I found the button.",
        "Our admin will leave next week.",
    ],
)
def test_only_the_contract_and_the_account_with_us_can_be_left(text: str) -> None:
    assert "cancel" not in stated(text)


@pytest.mark.parametrize(
    "text",
    [
        "Is there an alternative to the CSV upload?",
        "Moving records to Salesforce takes hours.",
        "How do I switch to Google login?",
        "Our competitors publish their prices.",
        "We are exploring other options for the colour of the chart.",
    ],
)
def test_another_tool_beside_ours_is_no_competitor(text: str) -> None:
    assert stated(text) == set()


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("We need to get rid of 20 licences.", {"downgrade"}),
        ("From May we need 8 fewer licences.", {"downgrade"}),
        ("Please cancel 12 of our seats.", {"downgrade"}),
        ("We want to remove 30 users from our contract.", {"downgrade"}),
        ("We need to deactivate two users who have left.", set()),
        ("We need to know which three users changed the file.", set()),
    ],
)
def test_what_is_removed_is_no_growth(text: str, intents: set[str]) -> None:
    assert stated(text) == intents


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("Does the plan renew by itself?", set()),
        ("They have not decided whether they will renew.", set()),
        ("We are not sure that we will be renewing.", set()),
        ("We would only renew at last year's price.", set()),
        ("If you fix the sync we will renew.", set()),
        ("We were about to sign the renewal but the CFO stopped it.", set()),
        ("The renewal was signed by accident.", set()),
        ("I doubt that they will renew.", {"cancel"}),
        ("We'll renew.", {"renew"}),
        ("We will renew, let me know if you need a signature.", {"renew"}),
    ],
)
def test_only_a_settled_wish_to_renew_is_one(text: str, intents: set[str]) -> None:
    assert stated(text) == intents


@pytest.mark.parametrize(
    "text",
    [
        "Our previous supplier wanted to cancel our contract.",
        "One of our customers wants to terminate the agreement.",
        "Our clients always ask for a discount.",
        "A customer wants to buy 50 more licences from us.",
        "We nearly cancelled our subscription in spring.",
        "We thought about cutting seats in March.",
    ],
)
def test_what_others_do_and_what_did_not_come_to_pass_is_not_stated(text: str) -> None:
    assert stated(text) == set()


def test_the_labels_are_whole() -> None:
    phrases = pd.read_csv(PHRASES, keep_default_na=False)
    others = pd.read_csv(PHRASES.with_name("sentiment_phrases.csv"), keep_default_na=False)
    assert len(phrases) >= 180
    assert phrases["text"].is_unique
    assert not {*phrases["text"]} & {*others["text"]}, "a phrase that tunes here must not be held out there"
    assert set(phrases["sentiment"]) == {"negative", "neutral", "positive"}
    for half in ("tune", "test"):
        cells = phrases.loc[phrases["half"] == half, "intents"]
        assert {intent for cell in cells for intent in cell.split(";")} == {*INTENTS, ""}


def test_held_out_phrases_that_brush_an_intent_are_told_from_those_that_state_it() -> None:
    phrases = pd.read_csv(PHRASES, keep_default_na=False).query("half == 'test'")
    found = read_all(phrases["text"])[list(INTENTS)].fillna(False).astype(bool)
    truth = pd.DataFrame({name: [name in cell.split(";") for cell in phrases["intents"]] for name in INTENTS})
    right = (found.to_numpy() & truth.to_numpy()).sum()
    assert right >= 0.9 * found.to_numpy().sum(), "precision"
    assert right >= 0.9 * truth.to_numpy().sum(), "recall"
