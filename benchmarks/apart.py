"""An environment of its own, for a peer whose packages do not go with ours."""

import subprocess
import sys
from pathlib import Path


def install(environment: Path, *packages: str) -> Path:
    """Makes the environment with the packages; the path of its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages], check=True)
    return python
