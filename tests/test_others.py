"""Somebody else's companies, from raw files to scores, with the figures that were promised.

The largest, saasguard, is left to `python benchmarks/others.py`, so that these end in time.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.others
@pytest.mark.parametrize("name", ["ravenstack", "churnsim-crm"])
def test_promised_figures_are_reached_and_every_score_adds_up(name: str) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"THIRD-PARTY DATA ABSENT: {DATA / name} is not here, so nothing was shown about {name}")
    command = [sys.executable, str(ROOT / "benchmarks" / "others.py"), "--only", name]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    print(answer.stdout)
    assert answer.returncode == 0, answer.stdout + answer.stderr[-2000:]
