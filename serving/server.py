"""Starts the service as a process of its own, and says where it answers once it does."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from serving.access import access_key
from serving.ledger import open_ledger
from training.outcomes import OUTCOMES
from training.registry import champion

READY_SECONDS, STOP_SECONDS = 60, 10


def run_server(home: Path, host: str, port: int) -> int:
    """Serves until it is stopped; its exit status.

    Before it starts, `ModelError` if a champion cannot be read, `OSError` if the scores of record cannot.
    """
    for outcome in OUTCOMES:
        champion(home, outcome)
    open_ledger(home).engine.dispose()
    key = access_key(home)
    bento_home = home.resolve() / "bentoml"
    bento_home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "TENURE_HOME": str(home.resolve()),
        "BENTOML_HOME": str(bento_home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:Tenure", "--host", host, "--port", str(port)]
    for asked in (signal.SIGTERM, signal.SIGINT):  # a background job may have been started deaf to the second
        signal.signal(asked, _interrupt)
    folder = str(Path(__file__).parent.parent)
    process = subprocess.Popen([*command, "--working-dir", folder], env=environment, start_new_session=True)
    try:
        reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        if _answers(process, f"http://{reachable}:{port}/readyz"):
            print(
                f"\nTenure answers on  http://{reachable}:{port}/?key={quote(key, safe='')}\n(stop with Ctrl-C)",
                flush=True,
            )
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the service and its workers: asked first, then made to."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite request to stop ends the service as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    """Whether the service came up within a minute."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (URLError, OSError):
            time.sleep(0.3)
    return False
