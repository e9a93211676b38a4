"""Yesterday's state saves work and changes nothing: what is opened through it is what a fresh load would give."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

import features.store
from features.sources import SOURCES
from features.store import Store
from features.warehouse import Warehouse, WarehouseError, open_warehouse
from tests.worlds import AS_OF, World, table, world, written

USAGE = """account_id | event_at | feature | quantity
           a          | -3d      | core    | 2
           b          | -9d      | core    | 3
           ghost      | -4d      | core    | 5"""


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests are taken as written long ago."""
    monkeypatch.setattr(features.store, "SETTLED_SECONDS", 0)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been read again, a file or a whole table at a time."""
    asked: list[str] = []
    run = Store._run

    def heard(store: Store, text: str) -> object:
        if text.startswith(("INSERT INTO kept.checked", "CREATE OR REPLACE TABLE kept.checked")):
            asked.append(text.split("kept.checked_")[1].split(" ")[0])
        return run(store, text)

    monkeypatch.setattr(Store, "_run", heard)
    return asked


def company(folder: Path) -> Path:
    """Accounts a and b, their terms, and usage in a folder of files by month; `ghost` is no account."""
    tables: World = world(usage=USAGE)
    for name in ("accounts", "subscriptions"):
        tables[name] = tables[name][tables[name]["account_id"] != "ghost"]
    usage = tables.pop("usage")
    written(tables, folder)
    (folder / "usage").mkdir()
    usage.to_parquet(folder / "usage" / "2026-05.parquet", index=False)
    return folder


def opened(folder: Path, state: Path, on: date = AS_OF) -> Warehouse:
    return open_warehouse(str(folder), loaded_on=on, bad_share=0.9, state=state)


def usage_of(warehouse: Warehouse) -> list[tuple[str, float]]:
    rows = warehouse.engine.frame(warehouse.tables["usage"].select("account_id", "quantity"))
    warehouse.close()
    return sorted(zip(rows["account_id"], rows["quantity"], strict=True))


def test_nothing_is_read_twice_where_nothing_has_changed(tmp_path: Path, read: list[str]) -> None:
    folder = company(tmp_path / "export")
    first = opened(folder, tmp_path / "state")
    rows, bad = first.loaded, first.quarantine
    assert usage_of(first) == [("a", 2.0), ("b", 3.0)]
    read.clear()
    again = opened(folder, tmp_path / "state")
    assert again.loaded == rows
    pd.testing.assert_frame_equal(again.quarantine, bad)
    assert usage_of(again) == [("a", 2.0), ("b", 3.0)]
    assert read == []


def test_of_usage_only_the_new_file_is_read(tmp_path: Path, read: list[str]) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    late = table("account_id | event_at | quantity\n a | -40d | 7")
    late.to_parquet(folder / "usage" / "2026-06.parquet", index=False)
    read.clear()
    warehouse = opened(folder, tmp_path / "state")
    assert read == ["usage"]
    assert usage_of(warehouse) == [("a", 2.0), ("a", 7.0), ("b", 3.0)]


def test_a_file_that_is_mended_or_gone_takes_its_rows_along(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    more = folder / "usage" / "2026-06.parquet"
    table("account_id | event_at | quantity\n b | -1d | 11").to_parquet(more, index=False)
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0), ("b", 11.0)]
    table("account_id | event_at | quantity\n b | -1d | 12\n b | -1d | 13").to_parquet(more, index=False)
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0), ("b", 12.0), ("b", 13.0)]
    more.unlink()
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]


def test_accounts_that_appear_or_vanish_are_judged_anew(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    first = opened(folder, tmp_path / "state")
    assert first.quarantine["rule"].tolist() == ["unknown account"]
    first.close()
    accounts = pd.DataFrame({"account_id": ["a", "b", "ghost"], "known_at": "2025-01-01"})
    accounts.to_parquet(folder / "accounts.parquet", index=False)
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0), ("ghost", 5.0)]
    accounts[:1].to_parquet(folder / "accounts.parquet", index=False)
    last = opened(folder, tmp_path / "state")
    assert (last.loaded["usage"].rows, last.loaded["usage"].bad) == (3, 2)
    assert usage_of(last) == [("a", 2.0)]


def test_a_row_from_the_future_is_seen_when_its_day_has_come(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    ahead = table("account_id | event_at | quantity\n a | +2d | 9")
    ahead.to_parquet(folder / "usage" / "2026-06.parquet", index=False)
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]
    assert usage_of(opened(folder, tmp_path / "state", date(2026, 6, 5)))[1] == ("a", 9.0)


def test_a_row_from_the_future_of_a_table_that_is_read_whole_is_seen_too(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    tickets = table("ticket_id | account_id | event_at\n t | a | -3d\n u | a | +2d")
    tickets.to_parquet(folder / "tickets.parquet", index=False)
    for on, bad in ((AS_OF, 1), (AS_OF, 1), (date(2026, 6, 5), 0)):
        warehouse = opened(folder, tmp_path / "state", on)
        assert warehouse.loaded["tickets"].bad == bad
        warehouse.close()


def test_a_faulty_value_learnt_later_is_kept_as_it_was_judged(tmp_path: Path, read: list[str]) -> None:
    folder = company(tmp_path / "export")
    tickets = table("ticket_id | account_id | event_at | rating | rated_at\n t | a | -3d | 7 | -1d\n u | a | -3d | 7 |")
    tickets.to_parquet(folder / "tickets.parquet", index=False)
    fresh = open_warehouse(str(folder), loaded_on=AS_OF, bad_share=1)
    for _ in range(2):
        warehouse = open_warehouse(str(folder), loaded_on=AS_OF, bad_share=1, state=tmp_path / "state")
        assert warehouse.engine.frame(warehouse.tables["tickets"])["ticket_id"].tolist() == ["t"]
        assert warehouse.loaded == fresh.loaded
        assert sorted(warehouse.quarantine["key"]) == sorted(fresh.quarantine["key"])
        warehouse.close()
    assert read.count("tickets") == 1


def test_of_rows_that_are_judged_by_file_no_value_is_learnt_later() -> None:
    """Else accounts that vanish and come back would clear a fault in a value."""
    assert not [one for source in SOURCES.values() if not source.key for one in source.columns if one.learnt_at]


def test_a_new_column_in_a_new_file_is_read_of_all(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    first = opened(folder, tmp_path / "state")
    assert "team" in first.loaded["usage"].missing_columns
    first.close()
    wider = table("account_id | event_at | team\n a | -1d | north")
    wider.to_parquet(folder / "usage" / "2026-06.parquet", index=False)
    warehouse = opened(folder, tmp_path / "state")
    assert "team" not in warehouse.loaded["usage"].missing_columns
    assert usage_of(warehouse) == [("a", 1.0), ("a", 2.0), ("b", 3.0)]


def test_files_of_many_row_groups_are_all_there_at_once(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    for name in ("m1", "m2"):
        many = pd.DataFrame({"account_id": "a", "event_at": pd.Timestamp("2026-05-01"), "quantity": range(200_000)})
        many.to_parquet(folder / "usage" / f"{name}.parquet", index=False)
    warehouse = opened(folder, tmp_path / "state")
    assert warehouse.loaded["usage"].rows == 400_003
    assert len(usage_of(warehouse)) == 400_002


def test_a_load_that_fails_leaves_yesterdays_state(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    good = (folder / "usage" / "2026-05.parquet").read_bytes()
    bad = pd.DataFrame({"account_id": ["nobody"] * 99, "event_at": "2026-05-01"})
    bad.to_parquet(folder / "usage" / "2026-05.parquet", index=False)
    with pytest.raises(WarehouseError, match="99 of 99 rows of usage are bad"):
        open_warehouse(str(folder), loaded_on=AS_OF, state=tmp_path / "state")
    (folder / "usage" / "2026-05.parquet").write_bytes(good)
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]


def test_another_process_that_loads_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    (lock,) = (tmp_path / "state").glob("*.lock")
    monkeypatch.setattr(features.store, "WAIT_SECONDS", 0.2)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WarehouseError, match="another tenure command has been reading the same tables"):
            opened(folder, tmp_path / "state")
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]


def test_whoever_reads_keeps_nobody_from_writing_and_reads_on_in_what_was(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    reader = (
        "import sys; from datetime import date; from pathlib import Path; import features.warehouse as w\n"
        "held = w.open_warehouse(sys.argv[1], loaded_on=date(2026, 6, 1), bad_share=0.9, state=Path(sys.argv[2]))\n"
        "print('held', flush=True); sys.stdin.readline(); print(held.tables['usage'].quantity.sum().to_pandas())"
    )
    command = [sys.executable, "-c", reader, str(folder), str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        more = table("account_id | event_at | quantity\n a | -1d | 7")
        more.to_parquet(folder / "usage" / "2026-06.parquet", index=False)
        for _ in range(2):
            assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("a", 7.0), ("b", 3.0)]
        assert holder.communicate("go on\n")[0] == "5.0\n"


def test_killed_in_the_middle_the_state_of_yesterday_is_whole(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    table("account_id | event_at | quantity\n a | -1d | 7").to_parquet(folder / "usage" / "2026-06.parquet")
    slow = (
        "import sys, time; from datetime import date; from pathlib import Path; import features.warehouse as w\n"
        "def stop(*given): print('half way', flush=True); time.sleep(60)\n"
        "w._refuse = stop; w.open_warehouse(sys.argv[1], loaded_on=date(2026, 6, 1), state=Path(sys.argv[2]))"
    )
    with subprocess.Popen([sys.executable, "-c", slow, str(folder), str(tmp_path / "state")], stdout=-1) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        time.sleep(0.1)
        killed.kill()
    (folder / "usage" / "2026-06.parquet").unlink()
    assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]
    assert sorted(file.suffix for file in (tmp_path / "state").iterdir()) == [".duckdb", ".lock"]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_of_the_same_size_and_time_is_seen_to_be_another(tmp_path: Path, in_place: bool) -> None:
    folder = company(tmp_path / "export")
    file, other = folder / "usage" / "2026-05.parquet", tmp_path / "other"
    for quantity in (2.0, 7.0):
        rows = pd.DataFrame({"account_id": ["a"], "event_at": ["2026-05-01"], "quantity": [quantity]})
        rows.to_parquet(other, index=False)
        if quantity == 7:
            assert other.stat().st_size == file.stat().st_size
            os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
        if in_place:
            file.write_bytes(other.read_bytes())
            os.utime(file, ns=(other.stat().st_atime_ns, other.stat().st_mtime_ns))
        else:
            other.replace(file)
        assert usage_of(opened(folder, tmp_path / "state")) == [("a", quantity)]


def test_a_file_written_just_now_is_read_once_more(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk with a coarse clock may give the next write the same stamp."""
    folder = company(tmp_path / "export")
    monkeypatch.setattr(features.store, "SETTLED_SECONDS", 600)
    opened(folder, tmp_path / "state").close()
    read.clear()
    opened(folder, tmp_path / "state").close()
    assert set(read) == {"accounts", "subscriptions", "usage"}


def test_what_a_database_has_not_yet_moved_into_its_file_is_seen(tmp_path: Path) -> None:
    folder, file = company(tmp_path / "export"), tmp_path / "given.duckdb"
    with duckdb.connect(str(file)) as given:
        for name, files in (("accounts", "*"), ("subscriptions", "*"), ("usage", "/*")):
            given.execute(f"CREATE TABLE {name} AS FROM '{folder}/{name}{files}.parquet'")
    assert usage_of(opened(file, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]
    with duckdb.connect(str(file)) as given:
        given.execute("PRAGMA disable_checkpoint_on_shutdown")
        given.execute("INSERT INTO usage SELECT * REPLACE (7 AS quantity) FROM usage WHERE account_id = 'a'")
    assert usage_of(opened(file, tmp_path / "state")) == [("a", 2.0), ("a", 7.0), ("b", 3.0)]


WIDE = "account_id | event_at | team | user_id\n a | -7d | north | u1"


def change(folder: Path, how: str) -> None:
    """Something that was handed over is handed over otherwise."""
    usage = folder / "usage"
    match how:
        case "a wider file goes":
            (usage / "wide.parquet").unlink()
        case "a file loses a required column":
            pd.read_parquet(usage / "wide.parquet").drop(columns="account_id").to_parquet(usage / "wide.parquet")
        case "a column gets another type":
            rows = pd.read_parquet(usage / "2026-05.parquet").assign(quantity=["two", "-3.50", "5"])
            rows.to_parquet(usage / "2026-05.parquet")
        case "a column is named in other letters":
            rows = pd.read_parquet(usage / "wide.parquet").rename(columns={"team": "TEAM", "account_id": "Account_ID"})
            rows.to_parquet(usage / "wide.parquet")
        case "a table goes":
            (folder / "tickets.parquet").unlink()
        case "accounts go":
            pd.read_parquet(folder / "accounts.parquet")[1:].to_parquet(folder / "accounts.parquet")
        case "an account becomes known":
            ahead = pd.DataFrame({"account_id": ["ghost"], "known_at": ["2026-06-03"]})
            given = pd.read_parquet(folder / "accounts.parquet").astype({"known_at": "str"})
            pd.concat([given, ahead]).to_parquet(folder / "accounts.parquet")


@pytest.mark.parametrize(
    "how",
    [
        "a wider file goes",
        "a file loses a required column",
        "a column gets another type",
        "a column is named in other letters",
        "a table goes",
        "accounts go",
        "an account becomes known",
    ],
)
def test_whatever_changes_what_is_kept_is_what_a_fresh_load_finds(tmp_path: Path, how: str) -> None:
    folder = company(tmp_path / "export")
    table(WIDE).to_parquet(folder / "usage" / "wide.parquet", index=False)
    table("ticket_id | account_id | event_at\n t | a | -3d\n u | b | -3d").to_parquet(folder / "tickets.parquet")
    opened(folder, tmp_path / "state").close()
    change(folder, how)
    for on in (AS_OF, date(2026, 6, 5)):
        kept = opened(folder, tmp_path / "state", on)
        fresh = open_warehouse(str(folder), loaded_on=on, bad_share=0.9)
        assert (kept.loaded, set(kept.tables)) == (fresh.loaded, set(fresh.tables))
        assert_same_rows(kept.quarantine, fresh.quarantine)
        for name in fresh.tables:
            assert_same_rows(*(one.engine.frame(one.tables[name]) for one in (kept, fresh)))
        kept.close()
        fresh.close()


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Alike but for the order of rows and columns."""
    first, second = (
        rows.sort_index(axis=1).sort_values(
            sorted(map(str, rows)), ignore_index=True, key=lambda cells: cells.astype("str")
        )
        for rows in (one, other)
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("left", [0, 5_000, 300_000, -262_144, None])
def test_a_spoilt_state_is_set_aside_told_and_read_anew(tmp_path: Path, left: int | None) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    (file,) = (tmp_path / "state").glob("*.duckdb")
    whole = file.read_bytes()
    assert len(whole) > 300_000
    file.write_bytes(b"no database at all, " * 10_000 if left is None else whole[:left])
    warehouse = opened(folder, tmp_path / "state")
    (note,) = warehouse.notes
    assert "the state of earlier runs cannot be read" in note
    assert f"it is now {file.with_suffix('.spoilt')}, and all tables are read anew" in note
    assert usage_of(warehouse) == [("a", 2.0), ("b", 3.0)]
    again = opened(folder, tmp_path / "state")
    assert again.notes == ()
    again.close()


def test_a_state_that_has_no_room_is_not_laid_at_the_tables_door(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(WarehouseError, match=r"or what was checked of it cannot be kept under .*/state: "):
        opened(folder, tmp_path / "state")


def test_a_source_that_was_there_before_and_is_not_now_is_said_until_it_is_there_again(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    tickets = folder / "tickets.parquet"
    table("ticket_id | account_id | event_at\n t | a | -3d").to_parquet(tickets)
    gone = ("tickets, last read on 2026-06-01, is not there now: what only it tells is unknown",)
    for there, notes in ((True, ()), (False, gone), (False, gone), (True, ())):
        if not there:
            tickets.rename(tmp_path / "aside") if tickets.exists() else None
        elif not tickets.exists():
            (tmp_path / "aside").rename(tickets)
        warehouse = opened(folder, tmp_path / "state")
        assert warehouse.notes == notes
        warehouse.close()


def test_several_csv_files_that_change_at_once_are_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    tables = world(usage=USAGE)
    for rows in ("a", "b"), ("a", "b", "ghost"):
        folder.mkdir(exist_ok=True)
        for name, given in tables.items():
            given[given["account_id"].isin(rows)].to_csv(folder / f"{name}.csv", index=False)
        known = usage_of(opened(folder, tmp_path / "state"))
        assert known == usage_of(open_warehouse(str(folder), loaded_on=AS_OF, bad_share=0.9))
    assert known == [("a", 2.0), ("b", 3.0), ("ghost", 5.0)]


def test_a_new_csv_file_decides_anew_whether_ids_are_numbers(tmp_path: Path) -> None:
    folder = company(tmp_path / "export")
    (folder / "usage" / "2026-05.parquet").unlink()
    for name, user, users in (
        ("1", "17.0", ["17"]),
        ("2", "18.0", ["17", "18"]),
        ("3", "v1.0", ["17.0", "18.0", "v1.0"]),
    ):
        (folder / "usage" / f"{name}.csv").write_text(f"account_id,event_at,user_id\na,2026-05-01,{user}\n")
        warehouse = opened(folder, tmp_path / "state")
        found = warehouse.engine.frame(warehouse.tables["usage"])["user_id"]
        assert sorted(found) == users
        warehouse.close()


def test_a_view_over_files_of_its_own_is_read_anew(tmp_path: Path) -> None:
    folder = written(world(), tmp_path / "tables")
    more, database = tmp_path / "elsewhere", tmp_path / "company.duckdb"
    more.mkdir()
    use = pd.DataFrame({"account_id": ["a"], "event_at": [pd.Timestamp("2026-01-02")]})
    with duckdb.connect(str(database)) as made:
        use.to_parquet(more / "1.parquet")
        for name in ("accounts", "subscriptions"):
            made.execute(f"CREATE TABLE {name} AS FROM '{folder}/{name}.parquet'")
        made.execute(f"CREATE VIEW usage AS FROM '{more}/*.parquet'")
    found = []
    for number in (2, 3):
        warehouse = open_warehouse(str(database), loaded_on=AS_OF, state=tmp_path / "state")
        found.append(warehouse.loaded["usage"].rows)
        warehouse.close()
        use.to_parquet(more / f"{number}.parquet")
    assert found == [1, 2]
