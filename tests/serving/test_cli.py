"""The command: 0 done, 1 the answer is no, 2 wrong use; one clear message, no traceback, nothing half-written."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from serving import cli
from serving.terminal import os_user
from serving.words import scored_document, trained_document, trained_lines
from tests.conftest import LATER, UNTIL, Company
from tests.worlds import AS_OF, day, world, written
from training.registry import register
from training.tracking import Record
from training.trail import trail
from training.tune import Found

COMMANDS = ("demo", "simulate", "audit", "snapshot", "train", "promote", "rollback", "score", "revenue", "serve")
ON = AS_OF.isoformat()


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `tenure …` in this process."""

    def tenure(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tenure", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        status = ended.value.code
        assert isinstance(status, int) or status is None
        found = Ended(status or 0, printed.out, printed.err)
        assert "Traceback" not in found.said
        return found

    return tenure


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """One account that pays, in a folder."""
    return written(world(usage="account_id | event_at\na | -300d\na | -1d"), tmp_path / "tiny")


def refused(ended: Ended, status: int, *words: str) -> None:
    """The command ended with one message, on the right stream, that holds these words."""
    assert ended.status == status, ended.said
    if status == 2:
        assert ended.out == ""
    for word in words:
        assert word in ended.said, ended.said
    assert ended.said.count("tenure: ") <= 1


def test_without_a_command_all_commands_are_named(run: Run) -> None:
    said = run("--help")
    assert said.status == 0
    for command in COMMANDS:
        assert f" {command} " in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(run: Run, command: str) -> None:
    said = run(command, "--help")
    assert said.status == 0
    assert f"Example: tenure {command}" in said.out
    assert "Usage:" in said.out


@pytest.mark.parametrize(
    "words",
    [("dance",), ("audit",), ("audit", "a", "b"), ("score", "x"), ("train", "x", "--trials", "many"), ("--joy",)],
)
def test_wrong_words_are_wrong_use(run: Run, words: tuple[str, ...]) -> None:
    refused(run(*words), 2, "Usage:", "Error")


# What cannot be opened


def broken(kind: str, tmp_path: Path) -> str:
    """A warehouse that cannot be used, by what is wrong with it."""
    folder = tmp_path / "broken"
    tables = world()
    match kind:
        case "missing":
            return str(tmp_path / "nowhere")
        case "empty folder":
            folder.mkdir()
        case "column":
            tables["subscriptions"] = tables["subscriptions"].drop(columns=["arr", "starts_on"])
            written(tables, folder)
        case "unreadable":
            written(tables, folder)
            (folder / "usage.parquet").write_bytes(b"PAR1 no parquet at all")
        case "no rows":
            tables["subscriptions"] = tables["subscriptions"].head(0)
            written(tables, folder, "csv")
        case "bad rows":
            tables["subscriptions"] = tables["subscriptions"].assign(arr="-5")
            written(tables, folder)
        case "twice":
            written(tables, folder)
            written(tables, folder, "csv")
        case "no database":
            (tmp_path / "some.duckdb").write_bytes(b"not a database" * 1000)
            return str(tmp_path / "some.duckdb")
        case "postgres":
            return "postgres://nowhere/x"
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", ("does not exist", "expected a folder")),
        ("empty folder", ("has no table accounts, subscriptions", "none of the source tables")),
        ("column", ("lacks the required columns", "subscriptions.starts_on", "subscriptions.arr")),
        ("unreadable", ("usage.parquet", "cannot be read as PARQUET")),
        ("no rows", ("subscriptions is empty", "at least one row")),
        ("bad rows", ("1 of 1 rows of subscriptions are bad", "arr: below 0")),
        ("twice", ("both a Parquet and a CSV file, or both a file and a folder, for accounts, subscriptions",)),
        ("no database", ("some.duckdb", "cannot be read")),
    ],
)
def test_a_warehouse_that_cannot_be_used_is_told_what_to_mend(
    run: Run, tmp_path: Path, kind: str, words: tuple[str, ...]
) -> None:
    refused(run("audit", broken(kind, tmp_path)), 2, *words)


@pytest.mark.parametrize("command", ["snapshot", "train", "score", "revenue"])
def test_no_command_begins_on_a_warehouse_that_cannot_be_used(run: Run, tmp_path: Path, command: str) -> None:
    out, home = tmp_path / "out.parquet", tmp_path / "home"
    given: dict[str, tuple[object, ...]] = {
        "snapshot": ("--as-of", ON, "--out", out),
        "train": ("--home", home),
        "score": ("--as-of", ON, "--out", out, "--home", home),
        "revenue": ("--as-of", ON),
    }
    refused(run(command, broken("column", tmp_path), *given[command]), 2, "subscriptions.starts_on")
    assert not out.exists()
    assert not home.exists()


def test_every_fault_of_a_mapping_is_told_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(
        'connection = "x"\n'
        '[source.accounts]\nrelation = "customers"\ncolumns = { shoe_size = "x" }\n'
        '[source.moods]\nrelation = "m"\n',
        encoding="utf-8",
    )
    ended = run("audit", path)
    refused(ended, 2, "3 faults", "source.moods: not a source table", "`shoe_size` is not a column of accounts")
    assert "source.subscriptions: required, but not mapped" in ended.err


def test_a_mapping_that_is_no_toml_or_has_a_wrong_shape_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text("connection = ", encoding="utf-8")
    refused(run("audit", path), 2, "map.toml is not readable TOML")
    path.write_text(
        'bad_share = 7\n[source.accounts]\nrelation = "x"\nsql = "y"\n[source.subscriptions]\n', encoding="utf-8"
    )
    refused(run("audit", path), 2, "connection: Field required", "bad_share", "exactly one of `relation` and `sql`")


# Dates, outcomes, homes


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2026-13-01", ("expected a date such as 2026-10-01", "'2026-13-01'")),
        ("tomorrow", ("expected a date such as 2026-10-01",)),
        ("", ("expected a date such as 2026-10-01",)),
        ("2031-01-01", ("lies outside the data", "expected a date from")),
        (str(day(400)), ("lies outside the data",)),
        ("1066-10-14", ("lies outside the data",)),
    ],
)
def test_a_day_that_cannot_be_meant_is_refused(
    run: Run, tiny: Path, tmp_path: Path, date: str, words: tuple[str, ...]
) -> None:
    out = tmp_path / "out.parquet"
    refused(run("snapshot", tiny, "--as-of", date, "--out", out), 2, *words)
    assert not out.exists()


def test_an_unknown_outcome_is_refused_with_those_that_are_known(run: Run, tiny: Path, tmp_path: Path) -> None:
    known = "expected one of churn, contraction, expansion"
    home = tmp_path / "home"
    refused(run("train", tiny, "--outcome", "joy", "--home", home), 2, "'joy' is not known", known)
    refused(run("promote", "joy", "--home", home), 2, known)
    refused(run("rollback", "joy", "--home", home), 2, known)
    assert not home.exists()


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("horizon", "0"),
        ("horizon", "-5"),
        ("horizon", "731"),
        ("horizon", "9" * 20),
        ("seed", "-1"),
        ("seed", "9" * 20),
    ],
)
def test_a_number_out_of_bounds_is_refused_before_any_work(
    run: Run, tiny: Path, tmp_path: Path, option: str, number: str
) -> None:
    refused(run("train", tiny, f"--{option}", number, "--home", tmp_path / "home"), 2, f"--{option}", "Usage:")
    assert not (tmp_path / "home").exists()


def test_one_account_is_not_enough_to_learn_from(run: Run, tiny: Path, company: Company) -> None:
    ended = run("train", tiny, "--outcome", "churn", "--horizon", "120", "--home", company.home)
    refused(ended, 1, "churn: refused", "0 outcomes in", "not enough to learn from")
    told = json.loads(
        run("train", tiny, "--outcome", "churn", "--horizon", "120", "--home", company.home, "--json").out
    )
    assert told[0]["version"] is None
    assert told[0]["refused"]


def test_tables_that_contradict_themselves_are_not_learnt_from(run: Run, tmp_path: Path) -> None:
    usage = "account_id | event_at\n" + "a | -2000d\n" * 8 + "a | -20d"
    folder = written(world(usage=usage), tmp_path / "tables")
    home = tmp_path / "home"
    refused(run("train", folder, "--home", home), 1, "contradict themselves", "without a running term: 89% (8 of 9)")
    told = json.loads(run("train", folder, "--home", home, "--json").out)
    assert told["refused"] == ["usage on days without a running term: 89% (8 of 9)"]
    assert [entry.name for entry in home.iterdir()] == ["warehouse"]


def test_a_training_until_a_day_is_not_refused_for_what_came_later(run: Run, tmp_path: Path) -> None:
    terms = """subscription_id | account_id | known_at | starts_on | ended_on | arr
               s               | a          | -400d    | -400d     | -60d     | 1200
               t               | b          | -400d    | -400d     |          | 1200"""
    usage = "account_id | event_at\nb | -300d\n" + "a | -20d\n" * 8
    folder, home = written(world(subscriptions=terms, usage=usage), tmp_path / "tables"), tmp_path / "home"
    refused(run("train", folder, "--home", home), 1, "contradict themselves")
    ended = run("train", folder, "--until", day(70).isoformat(), "--home", home)
    refused(ended, 1, "churn: refused")
    assert "contradict" not in ended.out


def test_a_score_before_any_promotion_is_a_no(run: Run, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    ended = run("score", tiny, "--as-of", ON, "--out", out, "--home", tmp_path / "home")
    refused(ended, 1, "no model has been promoted", "tenure promote churn")
    assert not out.exists()


def test_a_corrupted_champion_is_named_and_nothing_is_scored(run: Run, tiny: Path, home: Path, tmp_path: Path) -> None:
    (home / "models" / "churn" / "1" / "booster.txt").write_text("tree", encoding="utf-8")
    out = tmp_path / "scores.parquet"
    for command in (
        ("score", tiny, "--as-of", ON, "--out", out, "--home", home),
        ("serve", "--home", home, "--port", 0),
    ):
        refused(run(*command), 2, "booster.txt", "promote again")
    assert not out.exists()


def test_a_home_that_cannot_be_made_is_told(run: Run, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    refused(run("train", tiny, "--home", tmp_path / "file" / "home"), 2, "file")


def test_a_promotion_that_the_gate_refuses_is_a_no_with_every_fault(run: Run, company: Company, home: Path) -> None:
    ended = run("promote", "churn", "--version", "1", "--home", home)
    refused(ended, 1, "churn version 1 is not promoted", *company.trained["churn"].refused)
    assert (trail(home)[-1]["action"], trail(home)[-1]["who"]) == ("refuse", os_user())
    as_json = run("promote", "churn", "--version", "1", "--home", home, "--json")
    assert (as_json.status, json.loads(as_json.out)) == (1, {"refused": list(company.trained["churn"].refused)})
    refused(run("promote", "churn", "--version", "1", "--force", "--home", home), 2, "--force needs a reason")
    refused(run("promote", "churn", "--version", "9", "--home", home), 2, "no version 9")
    refused(run("rollback", "churn", "--home", home), 2, "no earlier champion")
    forced = run("promote", "churn", "--version", "1", "--force", "--why", "a pilot", "--home", home, "--json")
    assert forced.status == 0
    faults = list(company.trained["churn"].refused)
    assert json.loads(forced.out) == {
        "champion": "churn-v1", "who": os_user(), "forced": True, "faults": faults, "compared": [],
    }  # fmt: skip
    told = run("promote", "churn", "--version", "1", "--force", "--why", "a pilot", "--home", home)
    assert told.out.startswith("churn-v1 is champion for churn.\n")
    for fault in faults:
        assert f"overridden: {fault}" in told.out


def test_a_second_promotion_of_the_same_is_a_no_that_says_what_became_of_the_newest(
    run: Run, company: Company, home: Path
) -> None:
    model = company.trained["churn"].model
    assert model is not None
    register(home, Record(replace(model, version="unregistered"), {}, {}, {}, ["ROC-AUC is 0.512"], {}))
    before = trail(home)
    refused(
        run("promote", "churn", "--home", home),
        1,
        "has no challenger",
        "the newest version, 2, was refused",
        "ROC-AUC is 0.512",
        "tenure promote churn --version 2 --force --why",
    )
    assert [entry["action"] for entry in trail(home)[len(before) :]] == ["refuse"]
    done = run("promote", "churn", "--version", "2", "--force", "--why", "a pilot", "--home", home)
    assert done.status == 0
    assert "not compared with churn-v1" in done.out
    with (home / "promotions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    back = run("rollback", "churn", "--home", home)
    assert back.out.startswith("churn-v1 is champion for churn again.\nA running `tenure serve`")
    assert "is no entry of the trail and was passed over" in back.err
    assert trail(home)[-1]["who"] == os_user()


def test_training_says_which_version_was_registered_where_its_card_lies_and_what_a_search_came_to(
    company: Company,
) -> None:
    one = company.trained["churn"]
    found = Found(12, 0.1234, 0.1301, (0.0067, 0.0012, 0.0101))
    for refusals, words in (((), "version 1 is challenger"), (("too weak",), "version 1 is registered, but not as")):
        lines = trained_lines([replace(one, refused=refusals, search=found)])
        text = "\n".join(lines)
        assert words in text
        assert f"churn: card at {one.card}" in lines
        assert "12 trials done, best log loss 0.1234, 0.1301 as a run without a search takes it" in text
        assert "lower by +0.0067 (+0.0012 to +0.0101): the best is taken" in text
        told = trained_document(replace(one, refused=refusals, search=found))
        assert (told["version"], told["card"], told["refused"]) == ("1", one.card, list(refusals))
        assert told["search"] == {
            "trials": 12, "best_log_loss": 0.1234, "unsearched_log_loss": 0.1301, "taken": True,
        }  # fmt: skip
    text = "\n".join(trained_lines([replace(one, search=replace(found, gained=(0.0067, -0.001, 0.012)))]))
    assert "not lower beyond chance, so that is taken" in text
    text = "\n".join(
        trained_lines([replace(one, search=replace(found, best=found.unsearched), notes=("**So** it is.",))])
    )
    assert "12 trials done, none better than what a run without a search takes, log loss 0.1301" in text
    assert "churn: So it is." in text
    assert trained_document(replace(one, notes=("So.",)))["notes"] == ["So."]
    assert trained_document(one)["search"] is None
    nothing = replace(one, version=None, model=None, backtest=None, refused=("too little",), card=None)
    assert trained_lines([nothing]) == ["churn: refused, nothing registered", "  - too little"]


@pytest.mark.slow
def test_a_tracking_server_that_does_not_answer_is_one_message(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
    refused(run("promote", "churn", "--home", tmp_path), 2, "does not answer")
    refused(run("train", tmp_path / "nowhere", "--home", tmp_path), 2, "does not answer")


def test_a_study_that_cannot_be_worked_on_is_told_before_any_table_is_read(run: Run, tmp_path: Path) -> None:
    study = f"sqlite:///{tmp_path}/none/study.db"
    ended = run("train", tmp_path / "nowhere", "--trials", 1, "--study", study, "--home", tmp_path)
    refused(ended, 2, "cannot be worked on")


def test_a_port_in_use_is_told_before_anything_starts(run: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in ("serve", "demo"):
            refused(run(command, "--port", port, "--home", tmp_path / "home"), 2, f"127.0.0.1:{port}", "another --port")
    for port in (70_000, -1):
        refused(run("serve", "--port", port, "--home", tmp_path / "home"), 2, "another --port")
    refused(run("serve", "--host", "no.such.host.invalid", "--home", tmp_path / "home"), 2, "cannot listen on")
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_a_demo_of_too_small_a_company_says_what_it_could_not_learn(run: Run, tmp_path: Path) -> None:
    ended = run("demo", "--accounts", 40, "--months", 12, "--no-serve", "--home", tmp_path)
    refused(ended, 1, "nothing that was learnt may serve", "churn: not enough to say", "ask for more --accounts")
    assert ended.said.count("churn:") == 1, "the outcome is named once"


def test_a_simulation_that_makes_no_sense_or_would_overwrite_is_refused(run: Run, tmp_path: Path) -> None:
    refused(run("simulate", tmp_path / "new", "--accounts", "3"), 2, "20")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "accounts.parquet").write_text("precious", encoding="utf-8")
    refused(run("simulate", tmp_path / "mine", "--accounts", "20", "--months", "6"), 2, "mine")
    refused(run("simulate", tmp_path / "new", "--accounts", "20", "--months", "6", "--seed", "-1"), 2, "--seed")
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "mine" / "accounts.parquet").read_text(encoding="utf-8") == "precious"


# What is written


def test_a_simulation_is_written_with_its_truth_beside_it(run: Run, tmp_path: Path) -> None:
    ended = run("simulate", tmp_path / "new", "--accounts", "20", "--months", "6", "--seed", "3", "--json")
    assert ended.status == 0
    assert json.loads(ended.out)["accounts"] == 20
    assert (tmp_path / "new" / "subscriptions.parquet").is_file()
    assert (tmp_path / "new" / "truth").is_dir()


@pytest.mark.parametrize(
    ("words", "days"),
    [
        (("--as-of", "2026-05-01"), ["2026-05-01"]),
        (("--as-of", "2026-05-01", "--as-of", "2026-04-01"), ["2026-04-01", "2026-05-01"]),
        (("--from", "2026-03-15", "--to", "2026-05-31"), ["2026-04-01", "2026-05-01"]),
        (
            ("--from", "2026-05-01", "--to", "2026-05-16", "--every", "week"),
            ["2026-05-01", "2026-05-08", "2026-05-15"],
        ),
    ],
)
def test_a_snapshot_of_one_day_or_many_is_a_file(
    run: Run, tiny: Path, tmp_path: Path, words: tuple[str, ...], days: list[str]
) -> None:
    out = tmp_path / "deep" / "features.parquet"
    ended = run("snapshot", tiny, *words, "--out", out, "--json")
    assert ended.status == 0, ended.said
    assert json.loads(ended.out) == {"rows": len(days), "out": str(out)}
    rows = pd.read_parquet(out)
    assert list(rows.columns) == ["account_id", "as_of", *CATALOGUE]
    assert [str(stamp.date()) for stamp in rows["as_of"]] == days
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either --as-of"),
        (("--from", "2026-05-01"), "both --from and --to"),
        (("--as-of", "2026-05-01", "--from", "2026-05-01", "--to", "2026-05-31"), "either --as-of"),
        (("--from", "2026-05-01", "--to", "2026-05-31", "--every", "day"), "expected week or month"),
        (("--from", "2026-05-31", "--to", "2026-05-01"), "no first of a month lies from 2026-05-31 to 2026-05-01"),
        (("--from", "2026-05-02", "--to", "2026-05-30"), "name a longer time, or every week"),
    ],
)
def test_dates_that_make_no_sense_together_are_refused(
    run: Run, tiny: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused(run("snapshot", tiny, *words, "--out", tmp_path / "out.parquet"), 2, said)
    assert not (tmp_path / "out.parquet").exists()


def test_an_out_file_that_cannot_be_written_is_told_and_leaves_nothing(run: Run, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    refused(run("snapshot", tiny, "--as-of", "2026-05-01", "--out", tmp_path / "taken"), 2, "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "tiny"]


def test_scores_go_into_the_ledger_and_to_a_file(
    run: Run, tiny: Path, company: Company, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.parquet"
    ended = run("score", tiny, "--as-of", ON, "--out", out, "--home", home)
    assert ended.status == 0, ended.said
    assert f"Scored 1 accounts on {ON}: 2 scores." in ended.out
    assert "contraction: not enough to say" in ended.out
    rows = pd.read_parquet(out)
    assert list(rows["outcome"]) == ["churn"] * 4 + ["expansion"] * 4
    assert list(rows["horizon_days"]) == [30, 60, 90, 180] * 2
    counts: dict[str, Any] = json.loads(run("score", tiny, "--as-of", ON, "--home", home, "--json").out)
    assert counts["accounts"] == 1
    assert counts["scores"] == 2
    assert counts["notice_given"] == 0
    assert set(counts["withheld"]) == {"contraction"}
    assert re.search(r"churn-v1 learnt from .*tickets.*, of which nothing is known of any account now", ended.out)
    assert "tickets" in counts["silent"]["churn-v1"]
    assert "subscriptions" not in counts["silent"]["churn-v1"]
    assert scored_document(company.scorings[LATER], {})["silent"] == {}


def test_revenue_is_told_as_a_table(run: Run, tiny: Path) -> None:
    text = run("revenue", tiny, "--as-of", ON)
    assert text.status == 0
    assert "GRR" in text.out
    assert "100.0%" in text.out


@pytest.mark.parametrize("by", [None, "segment", "tier", "cohort"])
def test_revenue_is_told_by_every_grouping(run: Run, tiny: Path, by: str | None) -> None:
    words = () if by is None else ("--by", by)
    told = json.loads(run("revenue", tiny, "--as-of", ON, *words, "--json").out)
    assert told[0]["group"] == "all"
    assert len(told) == (1 if by is None else 2)
    assert told[0]["grr"] == 1.0


def test_revenue_by_what_nobody_knows_is_refused(run: Run, tiny: Path) -> None:
    refused(run("revenue", tiny, "--as-of", ON, "--by", "mood"), 2, "expected segment, tier or cohort")


def test_an_audit_says_what_is_blind_and_that_it_is_not_enough(run: Run, tiny: Path) -> None:
    ended = run("audit", tiny)
    refused(ended, 1, f"Audit as of {day(0)}", "Unusable:", "not enough to say")
    assert "not given, so these signals are blind" in ended.out


@pytest.mark.slow
def test_the_whole_path_through_the_command(run: Run, company: Company, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "scores.parquet"
    until = UNTIL.isoformat()
    assert run("audit", company.folder, "--as-of", until).status == 0
    trained = run("train", company.folder, "--outcome", "churn", "--until", until, "--home", home, "--json")
    assert json.loads(trained.out)[0]["rows"] == company.trained["churn"].rows
    assert trained.status == (1 if company.trained["churn"].refused else 0)
    promoted = run("promote", "churn", "--version", "1", "--force", "--why", "a test", "--home", home)
    assert promoted.status == 0
    assert run("score", company.folder, "--as-of", until, "--out", out, "--home", home).status == 0
    first = [found.probability for found in company.scorings[UNTIL].scores if found.outcome == "churn"]
    rows = pd.read_parquet(out)
    assert rows.loc[rows["horizon_days"] == 90, "probability"].tolist() == first


@pytest.mark.parametrize("command", ["score", "snapshot"])
def test_a_file_that_cannot_be_written_is_told_before_the_work_begins(
    run: Run, company: Company, home: Path, tmp_path: Path, command: str
) -> None:
    before = {file.name: file.read_bytes() for file in home.glob("ledger.db")}
    tables = ["--as-of", str(LATER), "--out", tmp_path, "--home", home]
    refused(run(command, company.folder, *tables), 2, "is a folder; expected the name of a file")
    assert {file.name: file.read_bytes() for file in home.glob("ledger.db")} == before
