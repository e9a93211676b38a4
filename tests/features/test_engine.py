"""One definition on three engines: DuckDB, a PostgreSQL server and a Spark cluster give the same cells."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import features.engine
from features.cohort import spine
from features.engine import OWN, EngineError, embedded, without_password
from features.simulation import simulate
from features.snapshot import snapshot
from features.warehouse import Warehouse, WarehouseError, open_warehouse
from tests.engines import QUICK, another_database, load_postgres, postgres_server, spark_cluster
from tests.worlds import AS_OF, LOADED_ON, day, world, written
from training.audit import audit
from training.outcomes import label

if TYPE_CHECKING:
    import psycopg

END = day(0)

DIRTY = """account_id | event_at            | quantity | user_id
           a          | -3d 18:00           | 2        | u1
           a          | 2026-02-30          | 1        | u1
           a          | now                 | 1        | u2
           a          | -9d                 | 1e3      | u2
           a          | -9d                 | 3 apples | u3
           a          | 2026-05-02T01:30:00+02:00 | .5 | o'neill 🚀
           nobody     | -9d                 | 1        | u3"""
DIRTY_TICKETS = """ticket_id | account_id | event_at | rating | rated_at
                   t         | a          | -9d      | 7      | -3d
                   u         | a          | -9d      | 4      | -3d
                   v         | a          | -9d      | good   | -3d
                   w         | a          | -9d      | 7      |"""
DIRTY_TERMS = """subscription_id | account_id | known_at | starts_on | arr | ended_on | ended_known_at
                 s               | a          | -90d     | -90d      | 100 | -100d    | -20d
                 t               | a          | -90d     | -90d      | 100 | soon     | -20d
                 u               | a          | -90d     | -90d      | 100 | -9d      | -9d"""


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a test asks for, none of them made; other threads, such as those of Spark, sleep on."""
    found: list[float] = []
    sleep, here = time.sleep, threading.current_thread()

    def nap(seconds: float) -> None:
        if threading.current_thread() is here:
            found.append(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr("time.sleep", nap)
    return found


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated company, its tables as Parquet."""
    folder = tmp_path_factory.mktemp("company")
    simulate(folder, accounts=60, months=14, seed=5, end=END)
    return folder


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as location:
        yield location


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with spark_cluster(tmp_path_factory.mktemp("spark")) as location:
        yield location


def seen(warehouse: Warehouse) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The snapshot and the labels of two dates, and the quarantine."""
    rows = spine(warehouse, [END, END - timedelta(days=200)])
    cells, outcomes = snapshot(warehouse, rows), label(warehouse, rows, 60, END)
    bad = warehouse.quarantine.sort_values(list(warehouse.quarantine.columns), ignore_index=True)
    warehouse.close()
    return cells, outcomes, bad


def assert_alike(location: str, folder: Path) -> None:
    ours = seen(open_warehouse(str(folder), loaded_on=LOADED_ON))
    theirs = seen(open_warehouse(location, loaded_on=LOADED_ON))
    for one, other in zip(ours, theirs, strict=True):
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


@pytest.mark.slow
def test_postgres_gives_the_same_cells(company: Path, postgres: str) -> None:
    assert_alike(load_postgres(postgres, company), company)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # of py4j
def test_a_spark_cluster_gives_the_same_cells(company: Path, spark: str) -> None:
    assert_alike(f"{spark}?folder={company}&{QUICK}", company)


@pytest.mark.slow
def test_dirty_cells_are_read_alike_in_a_database(tmp_path: Path, postgres: str) -> None:
    accounts = "account_id | known_at\n a | -400d"
    dirty = world(usage=DIRTY, accounts=accounts, tickets=DIRTY_TICKETS, subscriptions=DIRTY_TERMS)
    folder = written(dirty, tmp_path / "dirty")
    found = []
    for location in (str(folder), load_postgres(postgres, folder)):
        warehouse = open_warehouse(location, loaded_on=LOADED_ON, bad_share=0.9)
        rules = warehouse.quarantine[["table", "column", "rule", "value"]].sort_values("value", ignore_index=True)
        found.append([rules, *(cells(warehouse, name) for name in ("usage", "tickets", "subscriptions"))])
        warehouse.close()
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
    assert [len(one) for one in found[0]] == [9, 3, 3, 3]
    assert found[0][2]["rating"].fillna(0).tolist() == [0, 4, 0]
    assert found[0][3]["ended_on"].tolist() == [pd.Timestamp(day(one)) for one in (100, 90, 9)]


@pytest.mark.slow
def test_ids_that_a_gap_made_floats_are_read_alike_in_a_database(tmp_path: Path, postgres: str) -> None:
    tables = world(
        touchpoints="touchpoint_id | account_id | event_at\n" + "\n".join(f"{i} | a | -9d" for i in range(5))
    )
    tables["touchpoints"]["contact_id"] = [17.0, 20_000_000.0, 2.5, 3e20, None]
    folder = written(tables, tmp_path / "tables")
    for location in (str(folder), load_postgres(another_database(postgres, "ids"), folder)):
        warehouse = open_warehouse(location, loaded_on=LOADED_ON)
        assert sorted(cells(warehouse, "touchpoints")["contact_id"].fillna("")) == [
            "",
            "17",
            "2.5",
            "20000000",
            "3e+20",
        ]
        warehouse.close()


def cells(warehouse: Warehouse, name: str) -> pd.DataFrame:
    """A checked table, its columns and rows in an order of their own."""
    rows = warehouse.engine.frame(warehouse.tables[name]).sort_index(axis=1)
    return rows.sort_values(
        [one for one in map(str, rows) if one.endswith("_id") or one == "event_at"], ignore_index=True
    )


@pytest.mark.slow
def test_a_database_that_sorts_as_people_do_finds_the_same_largest_text_and_first_row(
    tmp_path: Path, postgres: str
) -> None:
    tables = world(
        subscriptions="""subscription_id | account_id | known_at | starts_on | arr | plan  | product
                         s               | a          | -90d     | -90d      | 1   | basic | éa
                         t               | a          | -90d     | -90d      | 1   | Pro   | Zb""",
        touchpoints="""touchpoint_id | account_id | event_at | kind | contact_id
                       p             | a          | -9d      | call | a
                       p             | a          | -9d      | call | B""",
    )
    folder = written(tables, tmp_path / "tables")
    found = []
    for location in (str(folder), load_postgres(another_database(postgres, "people"), folder)):
        warehouse = open_warehouse(location, loaded_on=LOADED_ON, bad_share=0.5)
        plan = snapshot(warehouse, spine(warehouse, [AS_OF]))["plan"].tolist()
        found.append((plan, cells(warehouse, "touchpoints")["contact_id"].tolist()))
        warehouse.close()
    assert found == [(["basic"], ["B"])] * 2


@pytest.mark.slow
def test_a_mapping_speaks_the_database_s_own_sql(tmp_path: Path, postgres: str) -> None:
    clients = pd.DataFrame({"id": [7], "since": ["2025-01-01"]})
    location = load_postgres(postgres, written({"clients": clients}, tmp_path / "theirs"))
    mapping = tmp_path / "theirs.toml"
    mapping.write_text(
        f"""connection = "{location}"
        [source.accounts]
        relation = "clients"
        columns = {{ account_id = "id", known_at = "since" }}
        [source.subscriptions]
        sql = '''
            SELECT id AS account_id, 's' || id AS subscription_id, since::date AS known_at, since::date AS starts_on,
                   12.5::numeric AS arr
            FROM clients
        '''
        """
    )
    warehouse = open_warehouse(str(mapping), loaded_on=LOADED_ON)
    assert warehouse.engine.frame(warehouse.tables["subscriptions"])["arr"].tolist() == [12.5]
    assert spine(warehouse, [AS_OF])["account_id"].tolist() == ["7"]
    warehouse.close()


@pytest.mark.slow
def test_a_company_s_own_tables_are_left_alone(company: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they are called: a table named as one of ours is neither dropped nor read in its place."""
    monkeypatch.setattr(features.engine, "RETRIES", (0.1, 0.1))
    location = load_postgres(another_database(postgres, "theirs"), company)
    own = ("spine", "paying", "checked_accounts", "readings_tickets")
    names = [*own, *(OWN + name for name in own)]
    with inside(location) as control:
        for name in names:
            control.execute(f'CREATE TABLE "{name}" AS SELECT 1 AS theirs')
    warehouse = open_warehouse(location, loaded_on=LOADED_ON)
    rows = spine(warehouse, [END])
    whole = snapshot(warehouse, rows)
    cut(postgres)
    pd.testing.assert_frame_equal(snapshot(warehouse, rows), whole)
    warehouse.close()
    with inside(location) as control:
        assert [control.execute(f'SELECT theirs FROM "{name}"').fetchall() for name in names] == [[(1,)]] * len(names)


@pytest.mark.slow
def test_a_database_s_own_words_views_and_schemas_are_read_or_refused_by_name(tmp_path: Path, postgres: str) -> None:
    tickets = "ticket_id | account_id | event_at | severity\nt | a | -9d | high\nu | a | -9d |"
    folder = written(world(tickets=tickets), tmp_path / "tables")
    location = load_postgres(another_database(postgres, "typed"), folder)
    with inside(location) as control:
        control.execute("CREATE TYPE sev AS ENUM ('low', 'normal', 'high', 'urgent')")
        control.execute("ALTER TABLE tickets ALTER severity TYPE sev USING nullif(severity, '')::sev")
        control.execute("CREATE MATERIALIZED VIEW usage AS SELECT 'a' AS account_id, DATE '2026-01-02' AS event_at")
    warehouse = open_warehouse(location, loaded_on=LOADED_ON)
    found = warehouse.engine.frame(warehouse.tables["tickets"]).sort_values("ticket_id")
    assert found["severity"].fillna("none").tolist() == ["high", "none"]
    assert warehouse.loaded["usage"].rows == 1
    warehouse.close()
    with pytest.raises(WarehouseError, match=r"there is no schema nosuch .* there are .*public"):
        open_warehouse(f"{location.rpartition('/')[0]}/nosuch", loaded_on=LOADED_ON)


@pytest.mark.slow
def test_a_database_s_money_is_read_as_a_number(tmp_path: Path, postgres: str) -> None:
    told = "invoice_id | account_id | event_at | amount\n i | a | -9d | 1234.5\n j | a | -8d | -20"
    location = load_postgres(another_database(postgres, "money"), written(world(invoices=told), tmp_path))
    with inside(location) as control:
        for name, column in (("invoices", "amount"), ("subscriptions", "arr")):
            control.execute(f"ALTER TABLE {name} ALTER {column} TYPE money USING {column}::text::money")
    warehouse = open_warehouse(location, loaded_on=AS_OF)
    assert sorted(warehouse.engine.frame(warehouse.tables["invoices"])["amount"]) == [-20, 1234.5]
    assert warehouse.engine.frame(warehouse.tables["subscriptions"])["arr"].tolist() == [1200]
    assert warehouse.quarantine.empty
    warehouse.close()


@pytest.mark.slow
def test_a_connection_that_is_cut_is_made_again(company: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.engine, "RETRIES", (0.1, 0.1))
    warehouse = open_warehouse(load_postgres(postgres, company), loaded_on=LOADED_ON)
    rows = spine(warehouse, [END])
    whole = snapshot(warehouse, rows)
    cut(postgres)
    pd.testing.assert_frame_equal(snapshot(warehouse, rows), whole)
    warehouse.close()


def inside(location: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to the schema of a location."""
    import psycopg

    database, _, schema = location.rpartition("/")
    return psycopg.connect(database, options=f"-c search_path={schema}")


def cut(location: str) -> None:
    """Ends every other session of the server."""
    import psycopg

    with psycopg.connect(location) as control:
        control.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


@pytest.mark.slow
def test_a_server_that_goes_away_half_way_is_told(
    tmp_path: Path, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features.engine, "RETRIES", (0.1, 0.1))
    with postgres_server(tmp_path / "server") as location:
        warehouse = open_warehouse(load_postgres(location, company), loaded_on=LOADED_ON)
        rows = spine(warehouse, [END])
    with pytest.raises(EngineError, match="was lost and did not come back"):
        snapshot(warehouse, rows)


@pytest.mark.slow
def test_a_query_that_the_server_breaks_off_is_told_at_once_and_one_that_it_cut_is_asked_again(
    company: Path, postgres: str, waited: list[float]
) -> None:
    warehouse = open_warehouse(load_postgres(postgres, company), loaded_on=LOADED_ON)
    warehouse.engine.connection.raw_sql("SET statement_timeout = 100").close()
    waited.clear()
    with pytest.raises(EngineError, match="broke off what it was asked: canceling statement due to statement timeout"):
        warehouse.engine.frame("SELECT pg_sleep(9)")
    assert waited == []
    with pytest.raises(EngineError, match="was lost and did not come back"):
        warehouse.engine.frame("SELECT pg_terminate_backend(pg_backend_pid())")
    assert waited == [*features.engine.RETRIES]
    warehouse.close()


@pytest.mark.slow
def test_a_role_that_may_not_make_temporary_tables_is_told_which_right_it_needs(postgres: str) -> None:
    revoke = 'REVOKE TEMPORARY ON DATABASE "closed" FROM PUBLIC'
    location = another_database(postgres, "closed", "CREATE ROLE guest LOGIN", revoke)
    with pytest.raises(WarehouseError, match='GRANT TEMPORARY ON DATABASE "closed" TO "guest"'):
        open_warehouse(location.replace("tenure@", "guest@"), loaded_on=AS_OF)


@pytest.mark.slow
def test_the_audit_runs_inside_a_database(company: Path, postgres: str) -> None:
    found = []
    for location in (str(company), load_postgres(postgres, company)):
        warehouse = open_warehouse(location, loaded_on=LOADED_ON)
        found.append(audit(warehouse, END).document() | {"passed_over": ()})
        warehouse.close()
    assert found[0] == found[1]


def test_a_location_is_shown_without_its_password() -> None:
    assert without_password("postgres://ann:secret@db:5432/company/public") == "postgres://db:5432/company/public"
    assert without_password("exports/ann@home") == "exports/ann@home"


def test_a_database_that_refuses_is_tried_again_and_then_told(waited: list[float]) -> None:
    with pytest.raises(WarehouseError, match=r"postgres://127\.0\.0\.1:1/none cannot be reached: connection"):
        open_warehouse("postgres://someone:secret@127.0.0.1:1/none", loaded_on=AS_OF)
    assert waited == [0.0, *features.engine.RETRIES]


def test_a_setting_of_spark_that_is_none_is_refused() -> None:
    with pytest.raises(WarehouseError, match="partitions is not known; expected folder or a spark"):
        open_warehouse("spark://127.0.0.1:1?partitions=3", loaded_on=AS_OF)


def test_the_embedded_engine_bounds_its_memory_and_has_room_for_the_cells_of_a_date() -> None:
    engine = embedded()
    found = []
    for cells in (None, 10, 9_000_000, 10):
        if cells is not None:
            engine.make_room(cells)
        found += list(engine.frame("SELECT current_setting('memory_limit') AS memory")["memory"])
    assert found == ["476.8 MiB", "476.8 MiB", "572.2 MiB", "476.8 MiB"]
    engine.close()
