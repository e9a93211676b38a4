"""An awkward export is read rightly or refused by a message that names the file, the line and the cure."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from features.handed import meant
from features.sources import SOURCES
from features.warehouse import WarehouseError, open_warehouse
from tests.worlds import AS_OF, opened, world, written
from training.audit import audit

TICKETS = "ticket_id,account_id,event_at,severity,text\nt1,a,2026-05-02,high,fine\nt2,a,2026-05-03,low,good\n"


def folder(place: Path, tickets: str | bytes = TICKETS, name: str = "tickets.csv") -> str:
    """A company of one account `a`, and one file more, byte by byte."""
    files = written(world(tickets="ticket_id | account_id | event_at\n t0 | a | -9d"), place, "csv")
    (files / "tickets.csv").unlink()
    (files / name).write_bytes(tickets if isinstance(tickets, bytes) else tickets.encode())
    return str(files)


@pytest.mark.parametrize(
    ("tickets", "told"),
    [
        (TICKETS.replace("good", "schön").encode("latin-1"), "line 3: expected UTF-8, found the byte 0xf6; save it as"),
        (TICKETS.encode("utf-16"), "line 1: expected UTF-8, found UTF-16; save it as UTF-8"),
        (gzip.compress(TICKETS.encode()), "expected text, found a file that gzip has packed; unpack it"),
        (TICKETS.replace(",good", ",good,more"), "line 3: expected 5 columns as in the header, found 6; quote cells"),
        (TICKETS.replace(",fine", ""), "line 2: expected 5 columns as in the header, found 4"),
        (TICKETS.replace("fine", '"fi"ne'), "line 2: expected a quoted cell to end with a quote"),
    ],
    ids=["latin-1", "utf-16", "gzip", "more", "fewer", "quote"],
)
def test_a_csv_that_cannot_be_read_says_where_and_what_to_do(tmp_path: Path, tickets: str | bytes, told: str) -> None:
    with pytest.raises(WarehouseError) as error:
        open_warehouse(folder(tmp_path, tickets), loaded_on=AS_OF)
    assert str(error.value).startswith(f"{tmp_path}/tickets.csv cannot be read as CSV: ")
    assert told in str(error.value)


def test_a_fault_beyond_what_an_engine_looks_at_first_is_told_as_well(tmp_path: Path) -> None:
    rows = [f"t{number},a,2026-05-02,high,fine" for number in range(40_000)]
    rows[39_000] += ",more"
    with pytest.raises(WarehouseError, match=r"tickets\.csv cannot be read as CSV: line 39002: expected 5 columns"):
        open_warehouse(folder(tmp_path, "\n".join([TICKETS.partition("\n")[0], *rows])), loaded_on=AS_OF)


@pytest.mark.parametrize("nothing", [b"", b"\n", b"\xef\xbb\xbf"])
def test_a_blank_csv_is_an_absent_table_and_said_to_be(tmp_path: Path, nothing: bytes) -> None:
    warehouse = open_warehouse(folder(tmp_path, nothing), loaded_on=AS_OF)
    assert "tickets" in warehouse.blind
    assert warehouse.passed_over == ("tickets.csv, which is empty",)


def test_a_blank_csv_of_a_required_table_is_refused_by_name(tmp_path: Path) -> None:
    (Path(folder(tmp_path)) / "accounts.csv").write_bytes(b"")
    with pytest.raises(WarehouseError, match=r"has no table accounts.*not read: accounts\.csv, which is empty"):
        open_warehouse(str(tmp_path), loaded_on=AS_OF)


@pytest.mark.parametrize(
    "name", ["ticket.csv", "crm_tickets_2026.csv", "tickets.tsv", "tickets.csv.gz", "Tickets.xlsx"]
)
def test_what_looks_like_a_table_of_ours_is_told_of(tmp_path: Path, name: str) -> None:
    (told,) = open_warehouse(folder(tmp_path, name=name), loaded_on=AS_OF).passed_over
    assert told == f"{name.removesuffix('.csv')} (did you mean tickets?)"


def test_the_audit_tells_what_nothing_reads(tmp_path: Path) -> None:
    found = audit(open_warehouse(folder(tmp_path, name="Users.csv"), loaded_on=AS_OF), AS_OF)
    assert found.passed_over == ("Users",)


def test_a_name_is_held_against_the_tables_that_are_missing() -> None:
    assert meant("account_contacts", ("contacts", "goals")) == "contacts"
    assert [meant(name, SOURCES) for name in ("opportunity", "entitlement", "Usages", "users", "orders")] == [
        *("opportunities", "entitlements", "usage", None, None)
    ]


@pytest.mark.parametrize(
    "header", ["TICKET_ID,ACCOUNT_ID,EVENT_AT,SEVERITY,TEXT", "Ticket ID,Account-ID, event at ,Severity,Text"]
)
def test_a_header_may_be_written_otherwise(tmp_path: Path, header: str) -> None:
    warehouse = open_warehouse(folder(tmp_path, TICKETS.replace(TICKETS.partition("\n")[0], header)), loaded_on=AS_OF)
    assert sorted(warehouse.engine.frame(warehouse.tables["tickets"])["severity"]) == ["high", "low"]
    assert warehouse.loaded["tickets"].extra_columns == ()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_parts_of_a_table_may_write_their_headers_otherwise(tmp_path: Path, form: str) -> None:
    """With state, each part is read by itself."""
    tables = world(usage="account_id | event_at | quantity\n a | -3d | 5")
    usage = tables.pop("usage")
    written(tables, tmp_path / "tables", form)
    written({"1": usage, "2": usage.rename(columns=str.upper)}, tmp_path / "tables" / "usage", form)
    warehouse = open_warehouse(str(tmp_path / "tables"), loaded_on=AS_OF, state=tmp_path / "state")
    assert warehouse.engine.frame(warehouse.tables["usage"])["quantity"].tolist() == [5, 5]
    warehouse.close()


def test_a_column_of_ours_that_stands_twice_is_refused_and_another_is_nobody_s_business(tmp_path: Path) -> None:
    rows = TICKETS.replace("text", "Severity")
    with pytest.raises(
        WarehouseError, match=r"tickets\.csv: expected each column once, found severity twice; keep one"
    ):
        open_warehouse(folder(tmp_path / "ours", rows), loaded_on=AS_OF)
    rows = TICKETS.replace("severity,text", "colour,colour")
    assert "tickets" in open_warehouse(folder(tmp_path / "theirs", rows), loaded_on=AS_OF).tables


@pytest.mark.parametrize("nothing", ["NULL", "N/A", r"\N", " "])
def test_what_exports_write_for_nothing_is_nothing(tmp_path: Path, nothing: str) -> None:
    tickets = "ticket_id | account_id | event_at\n t | a | -9d"
    tables = world(tickets=tickets)
    tables["tickets"] = tables["tickets"].assign(
        **dict.fromkeys(("severity", "category", "resolved_at", "rating", "text"), nothing)
    )
    warehouse = opened(tables, tmp_path)
    (row,) = warehouse.engine.frame(warehouse.tables["tickets"]).to_dict("records")
    assert all(pd.isna(row[name]) for name in ("severity", "category", "resolved_at", "rating", "text"))


@pytest.mark.parametrize(
    ("column", "cell", "cure"),
    [
        ("starts_on", "31.12.2025", "write dates as 2026-10-01"),
        ("starts_on", "1767139200", "write dates as 2026-10-01"),
        ("arr", "54.756,71", "write numbers with a point and no separator"),
        ("auto_renew", "ja", "write yes or no"),
    ],
)
def test_what_many_rows_have_wrong_is_told_with_its_cure(tmp_path: Path, column: str, cell: str, cure: str) -> None:
    tables = world()
    tables["subscriptions"] = tables["subscriptions"].assign(**{column: cell})
    with pytest.raises(WarehouseError, match=f"of subscriptions are bad.*{column}: .*{cell}.*{cure}"):
        opened(tables, tmp_path)


def test_amounts_whose_points_may_part_thousands_are_refused(tmp_path: Path) -> None:
    """Read as decimals each account would pay a thousandth."""

    def found(place: str, *amounts: str) -> pd.Series:
        tables = world()
        terms = pd.concat([tables["subscriptions"].head(1)] * len(amounts), ignore_index=True)
        terms = terms.assign(arr=amounts, subscription_id=[f"s{number}" for number in range(len(amounts))])
        folder = written(tables | {"subscriptions": terms}, tmp_path / place, "csv")
        warehouse = open_warehouse(str(folder), loaded_on=AS_OF)
        return warehouse.engine.frame(warehouse.tables["subscriptions"])["arr"].sort_values()

    for place, amounts in (
        ("thousands", ("48.632", "950", "0", "12.000")),
        ("millions", ("1.048.632", "2.500", "9.100")),
    ):
        with pytest.raises(WarehouseError, match=r"subscriptions\.csv: expected arr .* which may be thousands"):
            found(place, *amounts, "7.125")
    assert found("decimals", "48.632", "950.5", "12.000", "7.125").tolist() == [7.125, 12.0, 48.632, 950.5]
    assert found("shares", "0.632", "0.950", "0.125", "0.5").tolist() == [0.125, 0.5, 0.632, 0.95]
    assert found("few", "48.632", "950", "7.125").tolist() == [7.125, 48.632, 950.0]
