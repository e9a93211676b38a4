"""What a company hands over is opened from any form, checked row by row, and never silently dropped."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features.cohort import spine
from features.mapping import MappingError
from features.warehouse import QUARANTINE_COLUMNS, Warehouse, WarehouseError, open_warehouse
from tests.worlds import AS_OF, day, opened, table, world, written

TICKETS = """ticket_id | account_id | event_at | known_at | severity | rating | resolved_at
             t1        | a          | -9d      | -8d      | high     | 4      | -2d
             t2        | a          | -5d      |          |          |        |"""


def cells(warehouse: Warehouse, name: str, *columns: str) -> list[tuple[object, ...]]:
    """A checked table's cells, as text, sorted."""
    rows = warehouse.tables[name].to_pandas()
    return sorted(
        tuple(None if pd.isna(row[column]) else row[column] for column in columns) for _, row in rows.iterrows()
    )


def faults(warehouse: Warehouse) -> list[tuple[str, ...]]:
    told = warehouse.quarantine.fillna("")
    return [tuple(str(row[column]) for column in QUARANTINE_COLUMNS) for _, row in told.iterrows()]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_folder_of_files_is_opened(tmp_path: Path, form: str) -> None:
    folder = written(world(tickets=TICKETS), tmp_path, form)
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert set(warehouse.tables) == {"accounts", "subscriptions", "tickets"}
    assert cells(warehouse, "tickets", "ticket_id", "rating") == [("t1", 4.0), ("t2", None)]
    assert warehouse.quarantine.empty
    assert list(warehouse.quarantine.columns) == list(QUARANTINE_COLUMNS)
    assert set(warehouse.blind) == {
        *("usage", "entitlements", "milestones", "surveys", "invoices", "contacts"),
        *("touchpoints", "opportunities", "goals", "signals", "actions"),
    }


def test_a_duckdb_file_is_opened(tmp_path: Path) -> None:
    folder = written(world(tickets=TICKETS), tmp_path / "files", "csv")
    with duckdb.connect(str(tmp_path / "given.duckdb")) as connection:
        for file in folder.iterdir():
            connection.execute(f"CREATE TABLE {file.stem} AS SELECT * FROM read_csv('{file}')")
        connection.execute("CREATE TABLE something_else AS SELECT 1 AS one")
    warehouse = open_warehouse(str(tmp_path / "given.duckdb"), loaded_on=AS_OF)
    assert cells(warehouse, "tickets", "ticket_id", "severity") == [("t1", "high"), ("t2", None)]
    assert warehouse.quarantine.empty


def mapping(folder: Path, text: str) -> str:
    file = folder / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


MAPPED = """
[source.accounts]
relation = "customers"
columns = { account_id = "customer", known_at = "since", segment = "size" }
values.segment = { S = "smb", L = "enterprise" }

[source.subscriptions]
sql = "SELECT customer AS account_id, customer AS subscription_id, since AS known_at, since AS starts_on, 12 * monthly AS arr FROM contracts"
"""  # noqa: E501


def customers(folder: Path) -> None:
    written(
        {
            "customers": table("customer | since | size\n 1 | -90d | S\n 2 | -80d | L\n 3 | -70d | enterprise"),
            "contracts": table("customer | since | monthly\n 1 | -90d | 10\n 2 | -80d | 20\n 3 | -70d | 30"),
        },
        folder,
    )


def test_a_mapping_renames_columns_translates_values_and_runs_sql(tmp_path: Path) -> None:
    customers(tmp_path / "export")
    mapped = MAPPED.replace("12 * monthly", "12 * monthly::DOUBLE")
    warehouse = open_warehouse(mapping(tmp_path, 'connection = "export"\n' + mapped), loaded_on=AS_OF)
    assert cells(warehouse, "accounts", "account_id", "segment") == [
        ("1", "smb"),
        ("2", "enterprise"),
        ("3", "enterprise"),
    ]
    assert cells(warehouse, "subscriptions", "account_id", "arr") == [("1", 120.0), ("2", 240.0), ("3", 360.0)]
    assert warehouse.loaded["accounts"].extra_columns == (), "what is read under another name is not ignored"


def test_the_sql_of_a_mapping_reads_a_duckdb_file_too(tmp_path: Path) -> None:
    customers(tmp_path / "export")
    with duckdb.connect(str(tmp_path / "export.duckdb")) as connection:
        for name in ("customers", "contracts"):
            connection.execute(f"CREATE TABLE {name} AS FROM '{tmp_path}/export/{name}.parquet'")
    mapped = MAPPED.replace("12 * monthly", "12 * monthly::DOUBLE")
    warehouse = open_warehouse(mapping(tmp_path, 'connection = "export.duckdb"\n' + mapped), loaded_on=AS_OF)
    assert cells(warehouse, "subscriptions", "account_id", "arr") == [("1", 120.0), ("2", 240.0), ("3", 360.0)]


def test_a_malformed_mapping_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    text = """
connection = "export"
bad_share = 2
colour = "red"
[source.accounts]
relation = "customers"
sql = "SELECT 1"
"""
    with pytest.raises(MappingError) as error:
        open_warehouse(mapping(tmp_path, text), loaded_on=AS_OF)
    for told in ("bad_share", "colour", "exactly one of `relation` and `sql`", "3 faults"):
        assert told in str(error.value)


def test_a_mapping_tells_unknown_tables_unknown_columns_and_unmapped_tables_together(tmp_path: Path) -> None:
    text = """
connection = "export"
[source.accounts]
relation = "customers"
columns = { colour = "c" }
[source.clients]
relation = "customers"
"""
    with pytest.raises(MappingError) as error:
        open_warehouse(mapping(tmp_path, text), loaded_on=AS_OF)
    for told in ("`colour` is not a column", "source.clients: not a source", "source.subscriptions: required"):
        assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('connection = "export"\n' + MAPPED.replace("customers", "clients"), "no relation `clients`"),
        ('connection = "export"\n' + MAPPED.replace('"size"', '"shoe"'), "no column `shoe`"),
        ('connection = "export"\n' + MAPPED.replace("FROM contracts", "FROM nowhere"), "the SQL fails"),
        ('connection = "nowhere"\n' + MAPPED, "does not exist"),
    ],
)
def test_a_mapping_that_does_not_fit_the_export_says_where(tmp_path: Path, text: str, told: str) -> None:
    customers(tmp_path / "export")
    with pytest.raises(WarehouseError, match=told):
        open_warehouse(mapping(tmp_path, text), loaded_on=AS_OF)


def test_text_that_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="not readable TOML"):
        open_warehouse(mapping(tmp_path, "connection = "), loaded_on=AS_OF)


BAD_TICKETS = [
    ("t1 | a | soon | -8d | low | 3 | -2d", "event_at", "not a date", "soon"),
    ("t2 | a | 2026-02-30 | -8d | low | 3 | -2d", "event_at", "not a date", "2026-02-30"),
    ("t3 | a | -9d | -8d | low | 3 | some day", "resolved_at", "not a date", "some day"),
    ("t4 | a | | -8d | low | 3 | -2d", "event_at", "missing", ""),
    ("t5 | | -9d | -8d | low | 3 | -2d", "account_id", "missing", ""),
    ("t6 | a | -9d | -8d | awful | 3 | -2d", "severity", "not one of low, normal, high, urgent", "awful"),
    ("t7 | a | -9d | -8d | low | many | -2d", "rating", "not a number", "many"),
    ("t8 | a | -9d | -8d | low | 0 | -2d", "rating", "below 1", "0"),
    ("t9 | a | -9d | -8d | low | 6 | -2d", "rating", "above 5", "6"),
    ("t10 | a | -9d | -8d | low | 3 | -10d", "resolved_at", "before event_at", f"{day(10)} 00:00:00"),
    ("t11 | a | -9d | -10d | low | 3 | -2d", "known_at", "before event_at", f"{day(10)} 00:00:00"),
    ("t12 | a | -9d | +1d | low | 3 | -2d", "known_at", "in the future at load time", f"{day(-1)} 00:00:00"),
    ("t13 | b | -9d | -8d | low | 3 | -2d", "account_id", "unknown account", "b"),
    ("t0 | a | -5d | -5d | low | 3 | -2d", "ticket_id", "duplicate key", "t0"),
]
BAD_TERMS = [
    ("s1 | a | -90d | -90d | -91d | | 100 | 5 | true | 0.1", "ends_on", "before starts_on"),
    ("s2 | a | -90d | -90d | -1d | -91d | 100 | 5 | true | 0.1", "ended_on", "before starts_on"),
    ("s3 | a | -90d | -90d | -1d | | 100 | -5 | true | 0.1", "seats", "below 0"),
    ("s4 | a | -90d | -90d | -1d | | -100 | 5 | true | 0.1", "arr", "below 0"),
    ("s5 | a | -90d | -90d | -1d | | | 5 | true | 0.1", "arr", "missing"),
    ("s6 | a | -90d | -90d | -1d | | inf | 5 | true | 0.1", "arr", "not a number"),
    ("s7 | a | -90d | -90d | -1d | | 100 | 5 | perhaps | 0.1", "auto_renew", "not a yes or no"),
    ("s8 | a | -90d | -90d | -1d | | 100 | 5 | true | 10", "discount", "above 1"),
    ("s9 | a | | -90d | -1d | | 100 | 5 | true | 0.1", "known_at", "missing"),
]


@pytest.fixture(scope="module")
def sloppy(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One good ticket and one good term among all the bad ones."""
    tables = {
        "accounts": table("account_id | known_at\n a | -400d"),
        "tickets": table(
            "ticket_id | account_id | event_at | known_at | severity | rating | resolved_at\n"
            + "\n".join(["t0 | a | -9d | -9d | low | 3 | -1d", *(row for row, *_ in BAD_TICKETS)])
        ),
        "subscriptions": table(
            "subscription_id | account_id | known_at | starts_on | ends_on | ended_on | arr | seats | auto_renew "
            "| discount\n"
            + "\n".join(["s0 | a | -90d | -90d | -1d | -90d | 100 | 0 | no | 0", *(row for row, *_ in BAD_TERMS)])
        ),
    }
    return opened(tables, tmp_path_factory.mktemp("sloppy"), loaded_on=AS_OF, bad_share=0.95)


@pytest.mark.parametrize(("row", "column", "rule", "value"), BAD_TICKETS)
def test_a_bad_row_is_quarantined_with_its_column_rule_and_value(
    sloppy: Warehouse, row: str, column: str, rule: str, value: str
) -> None:
    key = row.split("|")[0].strip()
    assert [fault for fault in faults(sloppy) if fault[1] == key] == [("tickets", key, column, rule, value)]


@pytest.mark.parametrize(("row", "column", "rule"), BAD_TERMS)
def test_a_bad_term_is_quarantined(sloppy: Warehouse, row: str, column: str, rule: str) -> None:
    key = row.split("|")[0].strip()
    assert [fault[:4] for fault in faults(sloppy) if fault[1] == key] == [("subscriptions", key, column, rule)]


def test_the_good_rows_among_bad_ones_are_kept_and_all_are_counted(sloppy: Warehouse) -> None:
    assert cells(sloppy, "tickets", "ticket_id", "severity") == [("t0", "low")]
    assert cells(sloppy, "subscriptions", "subscription_id", "discount") == [("s0", 0.0)]
    assert (sloppy.loaded["tickets"].rows, sloppy.loaded["tickets"].bad) == (len(BAD_TICKETS) + 1, len(BAD_TICKETS))
    assert len(sloppy.quarantine) == len(BAD_TICKETS) + len(BAD_TERMS)


def test_more_bad_rows_than_allowed_fail_the_load_and_say_why(tmp_path: Path) -> None:
    tables = world(tickets="ticket_id | account_id | event_at\n t1 | a | soon\n t2 | a | -3d")
    with pytest.raises(
        WarehouseError, match=r"1 of 2 rows of tickets are bad.*event_at: not a date \(1 rows, one with 'soon'\)"
    ):
        opened(tables, tmp_path, bad_share=0.49)
    assert len(opened(tables, tmp_path, bad_share=0.5).quarantine) == 1


def test_a_mapping_sets_the_share_of_bad_rows(tmp_path: Path) -> None:
    tables = world(tickets="ticket_id | account_id | event_at\n t1 | a | soon\n t2 | a | -3d")
    written(tables, tmp_path / "export")
    text = 'connection = "export"\nbad_share = 0.5\n' + "".join(
        f'[source.{name}]\nrelation = "{name}"\n' for name in tables
    )
    assert len(open_warehouse(mapping(tmp_path, text), loaded_on=AS_OF).quarantine) == 1
    with pytest.raises(WarehouseError, match="1 of 2 rows of tickets"):
        open_warehouse(mapping(tmp_path, text.replace("0.5", "0.1")), loaded_on=AS_OF)


def test_all_lacking_required_columns_are_told_together(tmp_path: Path) -> None:
    tables = world(tickets="ticket_id | account_id\n t | a", subscriptions="account_id | known_at\n a | -9d")
    with pytest.raises(WarehouseError) as error:
        opened(tables, tmp_path)
    for column in ("tickets.event_at", "subscriptions.subscription_id", "subscriptions.starts_on", "subscriptions.arr"):
        assert column in str(error.value)


def test_a_lacking_required_table_is_told(tmp_path: Path) -> None:
    tables = world()
    del tables["subscriptions"]
    with pytest.raises(WarehouseError, match="has no table subscriptions"):
        opened(tables, tmp_path)


@pytest.mark.parametrize("name", ["accounts", "subscriptions"])
def test_an_empty_required_table_is_told(tmp_path: Path, name: str) -> None:
    tables = world()
    tables[name] = tables[name].iloc[:0]
    if name == "accounts":
        tables["subscriptions"] = tables["subscriptions"].iloc[:0]
    with pytest.raises(WarehouseError, match=f"{name} is empty"):
        opened(tables, tmp_path)


def test_a_required_table_without_a_good_row_is_told_whatever_share_is_allowed(tmp_path: Path) -> None:
    tables = world(subscriptions="subscription_id | account_id | known_at | starts_on | arr\n s | a | soon | -9d | 1")
    with pytest.raises(WarehouseError, match="subscriptions"):
        opened(tables, tmp_path, bad_share=1)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_empty_optional_table_is_blind_as_if_it_were_not_given(tmp_path: Path, form: str) -> None:
    folder = written(world(tickets=TICKETS), tmp_path, form)
    tables = {"tickets": world(tickets=TICKETS)["tickets"].iloc[:0]}
    warehouse = open_warehouse(str(written(tables, folder, form)), loaded_on=AS_OF)
    assert "tickets" in warehouse.blind
    assert warehouse.loaded["tickets"].rows == 0


def test_a_file_that_is_not_what_its_name_says_is_told(tmp_path: Path) -> None:
    folder = written(world(), tmp_path)
    (folder / "tickets.parquet").write_text("no parquet at all")
    with pytest.raises(WarehouseError, match=r"tickets\.parquet cannot be read as PARQUET"):
        open_warehouse(str(folder), loaded_on=AS_OF)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "given.duckdb").write_text("no database at all, but long enough to have a header of its own")
    with pytest.raises(WarehouseError, match="cannot be read"):
        open_warehouse(str(tmp_path / "given.duckdb"), loaded_on=AS_OF)


def test_a_place_that_cannot_be_opened_says_what_is_expected() -> None:
    with pytest.raises(WarehouseError, match="expected a folder of Parquet or CSV files"):
        open_warehouse("nowhere", loaded_on=AS_OF)


def test_csv_and_parquet_of_one_table_are_refused(tmp_path: Path) -> None:
    written(world(), tmp_path, "csv")
    written({"accounts": world()["accounts"]}, tmp_path)
    with pytest.raises(WarehouseError, match="for accounts; keep one"):
        open_warehouse(str(tmp_path), loaded_on=AS_OF)


def test_integer_ids_are_read_as_text(tmp_path: Path) -> None:
    tables = world()
    for rows in tables.values():
        rows["account_id"] = 7
    assert cells(opened(tables, tmp_path), "subscriptions", "account_id") == [("7",)]


MET = """touchpoint_id | account_id | event_at | contact_id
         p1            | a          | -3d      | 17
         p2            | a          | -4d      | 18
         p3            | a          | -5d      |"""


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_integer_ids_that_a_gap_made_floats_are_read_as_integers(tmp_path: Path, form: str) -> None:
    tables = world(touchpoints=MET)
    tables["touchpoints"]["contact_id"] = [17, 1_700_000_000, None]
    tables["touchpoints"]["touchpoint_id"] = [1.0, 2.0, 3.0]
    warehouse = open_warehouse(str(written(tables, tmp_path, form)), loaded_on=AS_OF)
    assert cells(warehouse, "touchpoints", "touchpoint_id", "contact_id") == [
        ("1", "17"),
        ("2", "1700000000"),
        ("3", None),
    ]


def test_a_decimal_that_holds_whole_ids_is_read_as_integers_and_no_number_is_none(tmp_path: Path) -> None:
    tables = world(touchpoints=MET)
    tables["touchpoints"]["contact_id"] = pd.Series([Decimal("17.00"), Decimal("2.50"), None], dtype=object)
    whole = opened(tables, tmp_path / "decimal")
    assert cells(whole, "touchpoints", "touchpoint_id", "contact_id") == [("p1", "17"), ("p2", "2.50"), ("p3", None)]
    folder = written(tables, tmp_path / "infinite")
    duckdb.sql(
        f"""COPY (SELECT * REPLACE (CASE touchpoint_id WHEN 'p1' THEN 'nan' WHEN 'p2' THEN 'inf' ELSE '3' END::DOUBLE
        AS contact_id) FROM '{folder}/touchpoints.parquet') TO '{folder}/touchpoints.parquet'"""
    )
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert cells(warehouse, "touchpoints", "touchpoint_id", "contact_id") == [("p1", None), ("p2", None), ("p3", "3")]


def test_text_ids_that_look_like_floats_here_and_there_stay_as_they_are(tmp_path: Path) -> None:
    tables = world(touchpoints=MET)
    tables["touchpoints"]["contact_id"] = ["1.0", "1.1", "nan"]
    warehouse = open_warehouse(str(written(tables, tmp_path, "csv")), loaded_on=AS_OF)
    assert cells(warehouse, "touchpoints", "contact_id") == [("1.0",), ("1.1",), ("nan",)]


def test_ids_may_hold_quotes_commas_and_emoji(tmp_path: Path) -> None:
    strange = ["o'neill", 'the "best", ltd', "🚀", "Ünï/%_"]
    tables = world()
    tables["accounts"] = pd.DataFrame({"account_id": strange, "known_at": str(day(9))})
    tables["subscriptions"] = pd.concat(
        [tables["subscriptions"].assign(account_id=x, subscription_id=x) for x in strange]
    )
    for form in ("csv", "parquet"):
        warehouse = open_warehouse(str(written(tables, tmp_path / form, form)), loaded_on=AS_OF)
        assert cells(warehouse, "subscriptions", "account_id") == sorted((name,) for name in strange)
        assert warehouse.quarantine.empty


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_time_with_an_offset_becomes_utc(tmp_path: Path, form: str) -> None:
    tables = world(usage="account_id | event_at\n a | 2026-05-02T01:30:00+02:00\n a | 2026-05-02T01:30:00Z")
    warehouse = open_warehouse(str(written(tables, tmp_path, form)), loaded_on=AS_OF)
    assert cells(warehouse, "usage", "event_at") == [
        (pd.Timestamp("2026-05-01 23:30"),),
        (pd.Timestamp("2026-05-02 01:30"),),
    ]


def test_a_typed_column_with_a_time_zone_becomes_utc(tmp_path: Path) -> None:
    moment = pd.Timestamp("2026-05-02 01:30", tz="Europe/Berlin")
    tables = world() | {"usage": pd.DataFrame({"account_id": ["a"], "event_at": [moment]})}
    assert cells(opened(tables, tmp_path), "usage", "event_at") == [(pd.Timestamp("2026-05-01 23:30"),)]


def test_a_row_without_a_second_clock_is_known_when_it_happens_and_counts_once(tmp_path: Path) -> None:
    tables = world(usage="account_id | event_at | quantity\n a | -3d | \n a | -2d | 5")
    assert cells(opened(tables, tmp_path), "usage", "known_at", "quantity") == [
        (pd.Timestamp(day(3)), 1.0),
        (pd.Timestamp(day(2)), 5.0),
    ]
    tables = world(usage="account_id | event_at\n a | -3d")
    assert cells(opened(tables, tmp_path), "usage", "known_at", "quantity") == [(pd.Timestamp(day(3)), 1.0)]


def test_a_row_without_any_clock_is_known_since_the_account_was(tmp_path: Path) -> None:
    tables = world(
        accounts="account_id | known_at\n a | -90d\n a | -5d",
        subscriptions="subscription_id | account_id | known_at | starts_on | arr\n s | a | -90d | -90d | 1",
        entitlements="account_id | feature\n a | export",
        milestones="account_id | milestone | known_at\n a | first | \n a | second | -4d",
    )
    warehouse = opened(tables, tmp_path)
    assert cells(warehouse, "entitlements", "feature", "known_at") == [("export", pd.Timestamp(day(90)))]
    assert cells(warehouse, "milestones", "milestone", "known_at") == [
        ("first", pd.Timestamp(day(90))),
        ("second", pd.Timestamp(day(4))),
    ]


def test_a_stop_is_learnt_on_its_day_unless_said_otherwise(tmp_path: Path) -> None:
    header = "subscription_id | account_id | known_at | starts_on | arr | ended_on"
    tables = world(
        subscriptions=f"""{header} | ended_known_at
                          s | a | -90d | -90d | 1 | -9d |
                          t | a | -90d | -90d | 1 | -9d | -2d"""
    )
    assert cells(opened(tables, tmp_path), "subscriptions", "subscription_id", "ended_known_at") == [
        ("s", pd.Timestamp(day(9))),
        ("t", pd.Timestamp(day(2))),
    ]
    tables = world(subscriptions=f"{header}\n s | a | -90d | -90d | 1 | -9d")
    assert cells(opened(tables, tmp_path), "subscriptions", "ended_known_at") == [(pd.Timestamp(day(9)),)]


def test_of_two_rows_with_one_key_the_first_known_speaks(tmp_path: Path) -> None:
    tables = world(tickets="ticket_id | account_id | event_at | category\n t | a | -2d | late\n t | a | -9d | early")
    warehouse = opened(tables, tmp_path, bad_share=0.5)
    assert cells(warehouse, "tickets", "category") == [("early",)]
    assert faults(warehouse) == [("tickets", "t", "ticket_id", "duplicate key", "t")]


def test_of_two_rows_known_at_once_what_came_with_them_decides_not_what_was_learnt_later(tmp_path: Path) -> None:
    tickets = "ticket_id | account_id | event_at | rating | rated_at | text\n t | a | -9d | 5 | -1d | b\n"
    warehouse = opened(world(tickets=tickets + "t | a | -9d | | | a"), tmp_path, bad_share=0.5)
    assert cells(warehouse, "tickets", "text", "rating") == [("a", None)]
    warehouse = opened(world(tickets=tickets + "t | a | -9d | 9 | -1d | b"), tmp_path, bad_share=0.5)
    assert cells(warehouse, "tickets", "text", "rating") == [("b", 5.0)]
    assert faults(warehouse) == [("tickets", "t", "ticket_id", "duplicate key", "t")]


def test_yes_and_no_are_read_in_their_usual_spellings(tmp_path: Path) -> None:
    said = {"yes": True, "no": False, "true": True, "FALSE": False, "1": True, "0": False, "1.0": True, "0.0": False}
    rows = "\n".join(f"p{i} | a | -{i + 1}d | {word}" for i, word in enumerate(said))
    warehouse = opened(world(touchpoints=f"touchpoint_id | account_id | event_at | attended\n{rows}"), tmp_path)
    assert cells(warehouse, "touchpoints", "touchpoint_id", "attended") == [
        (f"p{i}", flag) for i, flag in enumerate(said.values())
    ]


def test_a_flag_stored_as_a_number_with_gaps_is_read(tmp_path: Path) -> None:
    """Whoever exports 1, 0 and nothing through a frame writes 1.0, 0.0 and NaN."""
    tables = world(touchpoints="touchpoint_id | account_id | event_at\n p0 | a | -1d\n p1 | a | -1d\n p2 | a | -1d")
    tables["touchpoints"]["attended"] = [1.0, 0.0, None]
    warehouse = opened(tables, tmp_path)
    assert cells(warehouse, "touchpoints", "touchpoint_id", "attended") == [("p0", True), ("p1", False), ("p2", None)]


def test_a_number_where_a_date_belongs_is_quarantined_whatever_the_file_s_types(tmp_path: Path) -> None:
    tables = world(invoices="invoice_id | account_id | event_at\n i | a | -9d\n j | a | -9d")
    tables["invoices"]["due_on"] = pd.array([20260501, None], dtype="Int64")
    warehouse = opened(tables, tmp_path, bad_share=0.5)
    assert faults(warehouse) == [("invoices", "i", "due_on", "not a date", "20260501")]


def test_infinity_is_no_date_but_the_last_day_of_the_calendar_is(tmp_path: Path) -> None:
    header = "subscription_id | account_id | known_at | starts_on | arr | ends_on"
    rows = "s | a | -90d | -90d | 1 | infinity\n t | a | -90d | -90d | 1 | 9999-12-31"
    warehouse = opened(world(subscriptions=f"{header}\n{rows}"), tmp_path, bad_share=0.5)
    assert faults(warehouse) == [("subscriptions", "s", "ends_on", "not a date", "infinity")]
    assert cells(warehouse, "subscriptions", "subscription_id") == [("t",)]


def test_unknown_columns_are_ignored_and_listed_and_lacking_ones_are_named(tmp_path: Path) -> None:
    tables = world(signals="signal_id | account_id | event_at | colour\n s | a | -3d | red")
    found = opened(tables, tmp_path).loaded["signals"]
    assert found.extra_columns == ("colour",)
    assert found.missing_columns == ("kind", "value", "note", "author")


@pytest.mark.parametrize(("age", "allowed"), [(401, False), (400, False), (399, True), (-26, True), (-27, False)])
def test_a_date_must_lie_after_the_first_known_term_and_at_most_a_month_after_the_last_row(
    tmp_path: Path, age: int, allowed: bool
) -> None:
    tables = world(tickets="ticket_id | account_id | event_at\n t | a | -5d 18:00")
    warehouse = opened(tables, tmp_path)
    assert (warehouse.first_day, warehouse.last_day) == (day(400), day(5))
    if allowed:
        warehouse.check_date(day(age))
    else:
        with pytest.raises(WarehouseError, match="lies outside the data: expected a date from"):
            warehouse.check_date(day(age))


def test_a_table_that_became_known_only_later_does_not_move_the_first_day(tmp_path: Path) -> None:
    tables = world(accounts="account_id | known_at\n a | 2020-01-01")
    tables["subscriptions"] = world()["subscriptions"]
    assert opened(tables, tmp_path).first_day == day(400) > date(2020, 1, 1)


def test_a_key_is_told_by_those_of_its_columns_that_were_given(tmp_path: Path) -> None:
    contacts = "contact_id | account_id | event_at | left_at\n p | a | -9d | -20d\n q | a | -9d |"
    warehouse = opened(world(contacts=contacts), tmp_path, bad_share=1.0)
    (key,) = warehouse.quarantine["key"]
    assert key.startswith("p/")
    warehouse.close()


def test_no_row_of_a_csv_is_a_comment(tmp_path: Path) -> None:
    ids = ["1000", "1001", *(f"#{number}" for number in range(1002, 1008))]
    tickets = "ticket_id | account_id | event_at\n" + "\n".join(f"{id} | a | -9d" for id in ids)
    folder = written(world(tickets=tickets), tmp_path / "tables", ".csv")
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert sorted(warehouse.engine.frame(warehouse.tables["tickets"])["ticket_id"]) == sorted(ids)
    warehouse.close()


def test_a_quote_may_come_as_late_as_it_likes(tmp_path: Path) -> None:
    folder = written(world(), tmp_path / "tables", ".csv")
    rows = [f"t{number},a,2026-01-02,plain" for number in range(25_000)]
    rows[-1] = 't24999,"a",2026-01-02,"two\nlines, and a comma"'
    (folder / "tickets.csv").write_text("\n".join(["ticket_id,account_id,event_at,text", *rows]), encoding="utf-8")
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert (warehouse.loaded["tickets"].rows, warehouse.loaded["tickets"].bad) == (25_000, 0)
    warehouse.close()


def test_folders_within_the_folder_of_a_table_are_refused_and_never_passed_over(tmp_path: Path) -> None:
    folder = written(world(usage="account_id | event_at\na | -9d"), tmp_path / "tables")
    (folder / "usage" / "month=2026-05").mkdir(parents=True)
    (folder / "usage.parquet").rename(folder / "usage" / "month=2026-05" / "part-0.parquet")
    with pytest.raises(WarehouseError, match="found folders in it"):
        open_warehouse(str(folder), loaded_on=AS_OF)


def test_a_table_of_ours_never_stands_in_the_way_of_theirs(tmp_path: Path) -> None:
    folder = written(world(), tmp_path / "tables", ".csv")
    (folder / "spine.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
    assert len(spine(warehouse, [AS_OF]))
    warehouse.close()
