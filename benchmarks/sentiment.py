"""How well texts are read that the lexicon was not tuned on, beside plain VADER: `python benchmarks/sentiment.py`.

The phrases stand in `tests/features/sentiment_phrases.csv`, labelled by hand; each was put into the half `tune` or
`test` at random before the lexicon was written. The bands between negative, neutral and positive are chosen on
the half `tune`, for VADER as well; the figures printed are those of `test` and `hard`. Texts that are not judged (None)
count as neutral. Both halves and the lexicon have one author, which flatters the half `test`. The phrases marked `hard`
were written after the lexicon was frozen, in words chosen to be unlike it: they show how little is left when nobody's
wording is known. Expect a company's own comments somewhere between the two.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: E402

from features.sentiment import INTENTS, LEXICON_VERSION, read, read_all  # noqa: E402

PHRASES = ROOT / "tests" / "features" / "sentiment_phrases.csv"
CLASSES = ("negative", "neutral", "positive")
BANDS = tuple(step / 100 for step in range(5, 45, 5))


def moods(scores: "pd.Series[float]", band: float) -> "pd.Series[str]":
    """The class of each score: neutral from -band to band, ends excluded, and where the score is null."""
    named = pd.Series("neutral", index=scores.index)
    return named.mask(scores >= band, "positive").mask(scores <= -band, "negative")


def best_band(scores: "pd.Series[float]", truth: "pd.Series[str]") -> float:
    """The band with which most phrases fall into their class; the narrowest of equals."""
    return max(BANDS, key=lambda band: (int((moods(scores, band) == truth).sum()), -band))


def precision_recall(said: "pd.Series[bool]", true: "pd.Series[bool]") -> str:
    """Both shares in percent with their counts, as `precision (right/said) recall (right/true)`."""
    right, all_said, all_true = int((said & true).sum()), int(said.sum()), int(true.sum())
    precision = f"{100 * right / all_said:5.1f} %" if all_said else "    - %"
    return f"{precision} ({right}/{all_said})".ljust(18) + f"{100 * right / all_true:5.1f} % ({right}/{all_true})"


def report_moods(name: str, scores: "pd.Series[float]", band: float, truth: "pd.Series[str]") -> None:
    """Prints the accuracy and, a class, precision and recall."""
    guess = moods(scores, band)
    print(f"\n{name}, neutral within {band:.2f}: accuracy {100 * (guess == truth).mean():.1f} %")
    for mood in CLASSES:
        print(f"  {mood:<10} precision, recall  {precision_recall(guess == mood, truth == mood)}")


def report_intents(found: pd.DataFrame, truth: "pd.Series[str]") -> None:
    """Prints precision and recall of each intent."""
    print("\nintents (plain VADER has none)")
    for intent in INTENTS:
        true = truth.str.split(";").map(lambda stated, intent=intent: intent in stated)
        said = found[intent].fillna(False).astype(bool)
        print(f"  {intent:<10} precision, recall  {precision_recall(said, true)}")


def report_speed(texts: Sequence[str]) -> None:
    """Prints the time of a phrase and of a comment of 100 kB, on one core."""
    started = time.perf_counter()
    for text in texts:
        read(text)
    each = (time.perf_counter() - started) / len(texts)
    long = (" ".join(texts) * 20)[:100_000]
    started = time.perf_counter()
    read(long)
    print(f"\na phrase {1000 * each:.2f} ms, 100 kB {1000 * (time.perf_counter() - started):.1f} ms")


def main() -> None:
    """Reads the phrases, chooses the bands on one half and reports the other."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--half", choices=("test", "hard", "tune"), help="report only this one")
    half = arguments.parse_args().half
    phrases = pd.read_csv(PHRASES, keep_default_na=False)
    analyzer = SentimentIntensityAnalyzer()
    phrases["vader"] = [float(analyzer.polarity_scores(text)["compound"]) for text in phrases["text"]]
    found = read_all(phrases["text"])
    phrases["ours"] = found["sentiment"]
    tune = phrases[phrases["half"] == "tune"]
    for name in (half,) if half else ("test", "hard"):
        shown = phrases[phrases["half"] == name]
        unknown = int(shown["ours"].isna().sum())
        print(f"\n=== lexicon {LEXICON_VERSION}, {name}: {len(shown)} phrases, {unknown} not judged")
        for scorer in ("vader", "ours"):
            band = best_band(tune[scorer], tune["sentiment"])
            report_moods("plain VADER" if scorer == "vader" else "ours", shown[scorer], band, shown["sentiment"])
        report_intents(found.loc[shown.index], shown["intents"])
    report_speed(list(tune["text"]))


if __name__ == "__main__":
    main()
