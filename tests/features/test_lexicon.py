"""A lexicon is used whole or refused with everything that is wrong with it."""

import pytest

from features.lexicon import INTENTS, LexiconError, parse_lexicon

WHOLE = """
version = "1"
[[valence]]
value = -2
terms = ["outage", "went dark"]
[[reworded]]
to = "not"
terms = ["no longer"]
[[unreal]]
weight = -0.5
patterns = ["used to"]
[classes]
seat = "seats?"
paid = "paid <seat>"
[negation]
words = ["not"]
affirms = ["not only"]
breaks = ["but"]
opens = ["we"]
carries = ["think"]
[enquiry]
weight = 0.5
opens = ["how"]
[language]
english = "the is"
foreign = "der die"
shared = "in"
""" + "".join(f'[intents.{intent}]\nvalence = 1\npatterns = ["{intent} <seat>"]\n' for intent in INTENTS)


def test_a_whole_lexicon_is_accepted() -> None:
    parsed = parse_lexicon(WHOLE)
    assert parsed.terms == {"outage": -2.0, "went_dark": -2.0}
    assert parsed.intents["renew"].says.search("renew seats")
    assert parsed.reworded == {"no longer": "not"}
    assert [(pattern.search("it used to work") is not None, weight) for pattern, weight in parsed.unreal] == [
        (True, -0.5)
    ]


def test_a_class_may_quote_one_above_it() -> None:
    parsed = parse_lexicon(WHOLE.replace('"renew <seat>"', '"renew <paid>"'))
    assert parsed.intents["renew"].says.search("renew paid seats")
    with pytest.raises(LexiconError, match=r"classes\.seat: 'seats <paid>' quotes the unknown class <paid>"):
        parse_lexicon(WHOLE.replace('seat = "seats?"', 'seat = "seats <paid>"'))


@pytest.mark.parametrize(("said", "opens"), [("not that we go", True), ("i do not think we go", False), ("owe", False)])
def test_a_clause_opens_unless_the_denial_is_carried_on(said: str, opens: bool) -> None:
    assert (parse_lexicon(WHOLE).opens.search(said) is not None) is opens


def test_what_an_intent_may_not_stand_after_is_optional() -> None:
    parsed = parse_lexicon(WHOLE + 'not_after = ["almost"]\n')
    assert parsed.intents["more_seats"].not_after.search("we almost renew")
    assert not parsed.intents["renew"].not_after.search("we almost renew")


def test_every_fault_of_a_lexicon_is_told_at_once() -> None:
    faulty = (
        WHOLE.replace('version = "1"', "version = 1\nauthor = 'me'")
        .replace("value = -2", "value = -5\nwhy = 'so'")
        .replace('["outage", "went dark"]', '["outage", "outage", "Loud"]')
        .replace('seat = "seats?"', "seat = 3")
        .replace('words = ["not"]', "words = [1]")
        .replace("weight = 0.5", "weight = nan")
        .replace('english = "the is"', "")
        .replace('"cancel <seat>"', '"(cancel", "a <chair>"')
        .replace("[intents.renew]", "[intents.rejoice]")
        .replace('to = "not"', "to = 1")
        .replace("weight = -0.5", "weight = -5")
        .replace('carries = ["think"]', "")
    )
    with pytest.raises(LexiconError) as caught:
        parse_lexicon(faulty)
    told = "\n".join(caught.value.faults)
    for part in (
        "version: expected a text, found 1",
        "unknown key 'author'",
        "valence[1]: unknown key 'why'",
        "valence[1].value: expected a number from -4 to 4, found -5",
        "'outage' is given 2 times",
        "'Loud' must be in lower case",
        "classes.seat: expected a text, found 3",
        "reworded[1].to: expected a text, found 1",
        "unreal[1].weight: expected a number from -1 to 1, found -5",
        "negation.carries: expected a list of texts, found None",
        "negation.words: expected a list of texts, found [1]",
        "enquiry.weight: expected a number from 0 to 1, found nan",
        "language.english: expected a text, found None",
        "'(cancel' is no regular expression",
        "unknown class <chair>",
        "intents: unknown key 'rejoice'",
        "intents.renew: expected a table, found None",
    ):
        assert part in told
    assert all(fault in str(caught.value) for fault in caught.value.faults)


def test_a_term_given_in_two_groups_is_a_fault() -> None:
    with pytest.raises(LexiconError, match="'outage' is given 2 times"):
        parse_lexicon(WHOLE + '[[valence]]\nvalue = 1\nterms = ["outage"]\n')


def test_a_pattern_is_in_lower_case_its_escapes_aside() -> None:
    with pytest.raises(LexiconError, match="'Renew' must be in lower case"):
        parse_lexicon(WHOLE.replace('"renew <seat>"', '"Renew"'))
    assert (
        parse_lexicon(WHOLE.replace('"renew <seat>"', r'"renew\\W+seats"'))
        .intents["renew"]
        .says.search("renew - seats")
    )


@pytest.mark.parametrize(("text", "told"), [("version =", "not TOML"), ('valence = "x"', "expected a list of tables")])
def test_a_lexicon_of_another_kind_is_refused(text: str, told: str) -> None:
    with pytest.raises(LexiconError, match=told):
        parse_lexicon(text)
