"""Yesterday's state saves work and changes nothing: what is opened through it is what a fresh load would give."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

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
    late = table("account_id | event_at | known_at | quantity\n a | -40d | -1d | 7")
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


def test_another_process_at_work_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = company(tmp_path / "export")
    opened(folder, tmp_path / "state").close()
    (file,) = (tmp_path / "state").glob("*.duckdb")
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold, str(file)], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(features.store, "WAIT_SECONDS", 0.2)
        with pytest.raises(WarehouseError, match="in use by another tenure command"):
            opened(folder, tmp_path / "state")
        monkeypatch.setattr(features.store, "WAIT_SECONDS", 30)
        assert holder.stdin is not None
        holder.stdin.close()
        assert usage_of(opened(folder, tmp_path / "state")) == [("a", 2.0), ("b", 3.0)]


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
