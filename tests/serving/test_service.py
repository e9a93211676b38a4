"""The service as people start it: a process of its own on this machine, ready, light, and gone when told to go."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.conftest import LATER, Company

CHROMIUM = "/usr/bin/chromium"
QUIET_CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
READY_SECONDS = 90


@dataclass(frozen=True)
class Served:
    """A service that answers."""

    process: subprocess.Popen[str]
    address: str
    key: str

    def ask(self, path: str, body: object = None, key: str | None = None) -> tuple[int, str]:
        """Status and text of one request."""
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def command(home: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "serving.cli", "serve", "--home", str(home), "--port", str(port)]


def descendants(pid: int) -> list[int]:
    """The process and all that it started, by their parents in /proc."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """`tenure serve` until the end of the block, then told to stop."""
    port = free_port()
    with TemporaryFile("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(command(home, port), stdout=printed, stderr=subprocess.STDOUT, text=True)
        try:
            deadline = time.monotonic() + READY_SECONDS
            told = None
            while told is None and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.1)
                told = re.search(r"(http://127\.0\.0\.1:\d+)/\?key=(\S+)", _text(printed))
            if told is None:
                pytest.fail("the service did not say where it answers:\n" + _text(printed))
            yield Served(process, told[1], told[2])
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _text(printed: IO[str]) -> str:
    """What was printed so far; the service writes at the end, wherever this reads."""
    return os.pread(printed.fileno(), 1_000_000, 0).decode()


@pytest.fixture(scope="module")
def service(company: Company) -> Iterator[Served]:
    with served(company.home) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_probes_answer_without_a_key(service: Served, path: str) -> None:
    assert service.ask(path)[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_probes_refuse_other_methods_in_the_one_shape(service: Served, path: str) -> None:
    status, text = service.ask(path, {})
    assert (status, json.loads(text)["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Host", "User-Agent", "Accept", "Content-Type", "traceparent", "tracestate"])
def test_a_header_of_any_bytes_breaks_nothing(service: Served, name: str) -> None:
    headers = {"Host": b"x", "X-API-Key": service.key.encode()} | {name: b"\xff\\x"}
    sent = b"".join(b"%s: %s\r\n" % (one.encode(), value) for one, value in headers.items())
    with socket.create_connection(("127.0.0.1", int(service.address.rpartition(":")[2])), timeout=20) as line:
        line.sendall(b"GET /v1/book?limit=1 HTTP/1.1\r\nConnection: close\r\n" + sent + b"\r\n")
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["briefs"]


@pytest.mark.slow
def test_all_else_asks_for_the_key(service: Served) -> None:
    for path in ("/v1/book", "/", "/docs.json", "/bentoml/ping", "/v1/score"):
        status, text = service.ask(path)
        assert status == 401, path
        assert json.loads(text)["error"]["code"] == "unauthorized"


@pytest.mark.slow
def test_metrics_count_routes_and_one_unknown_whatever_is_asked(service: Served, company: Company) -> None:
    account = company.scorings[LATER].briefs[0].account_id
    for path in (f"/v1/accounts/{account}", "/no/such/page", "/nor/this?a=b", "/v1/else", "/static/none.css"):
        for key in (None, service.key):
            service.ask(path, key=key)
    counted = set(re.findall(r'endpoint="([^"]*)"', service.ask("/metrics")[1]))
    assert {"/v1/accounts/{account_id:path}", "unknown", "/static"} <= counted
    assert not {path for path in counted if account in path or "no/such" in path or "else" in path}


@pytest.mark.slow
def test_scores_of_record_are_handed_out(service: Served, company: Company) -> None:
    account = company.scorings[LATER].briefs[0]
    status, text = service.ask("/v1/score", {"accounts": [account.account_id]}, service.key)
    assert status == 200
    assert json.loads(text)["briefs"][0]["scores"][0]["probability"] == account.scores[0].probability
    assert service.key == company.key


@pytest.mark.slow
def test_nothing_of_bentoml_is_reachable_beside_the_probes(service: Served) -> None:
    for path in ("/docs.json", "/bentoml/ping", "/openapi.json"):
        assert service.ask(path, key=service.key)[0] == 404


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_the_serving_processes_have_loaded_neither_tracking_nor_plots(service: Served) -> None:
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in descendants(service.process.pid))
    assert "lightgbm" in maps, "the model is served, so its library is there"
    for absent in ("matplotlib", "optuna", "llvmlite", "numba"):
        assert f"/{absent}" not in maps


@pytest.mark.slow
def test_the_service_imports_neither_mlflow_nor_shap(company: Company) -> None:
    code = (
        "import sys; from pathlib import Path; from serving.service import application; "
        "application(Path(sys.argv[1])); "
        "print([name for name in ('mlflow', 'shap', 'optuna', 'matplotlib', 'ibis') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(company.home)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    loaded = found.stdout.strip().splitlines()[-1]
    assert "mlflow" not in loaded
    assert "shap" not in loaded
    assert "optuna" not in loaded
    assert "matplotlib" not in loaded


@pytest.mark.slow
def test_a_port_in_use_ends_with_one_line(company: Company) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(command(company.home, port), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.strip().splitlines()
    assert f"cannot listen on 127.0.0.1:{port}" in line


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_service_told_to_stop_leaves_no_process_behind(home: Path, sign: signal.Signals) -> None:
    with served(home) as found:
        everybody = descendants(found.process.pid)
        assert len(everybody) > 1
        os.kill(found.process.pid, sign)
        assert found.process.wait(timeout=30) == 0
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and any(map(_runs, everybody)):
            time.sleep(0.1)
        assert not [pid for pid in everybody if _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.browser
@pytest.mark.slow
def test_a_person_opens_an_account_by_keyboard_alone(service: Served) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    complaints: list[str] = []
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=QUIET_CHROMIUM)
        tab = browser.new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        assert tab.goto(f"{service.address}/?key={service.key}").status == 200
        assert service.key not in tab.url, "the key left the address"

        def focus(wanted: str, limit: int = 80) -> None:
            for _ in range(limit):
                tab.keyboard.press("Tab")
                if tab.evaluate(f"document.activeElement.matches({wanted!r})"):
                    return
            pytest.fail(f"no Tab leads to {wanted}")

        focus("select[name=outcome]")
        focus("select[name=tier]")
        tab.keyboard.press("ArrowDown")
        assert tab.evaluate("document.activeElement.value") == "high"
        focus("form button")
        with tab.expect_navigation():
            tab.keyboard.press("Enter")
        assert "tier=high" in tab.url
        focus("main a[href^='/accounts/']")
        name = tab.evaluate("document.activeElement.textContent").strip()
        with tab.expect_navigation():
            tab.keyboard.press("Enter")
        assert "/accounts/" in tab.url
        assert name in tab.inner_text("h1")
        browser.close()
    assert complaints == []
