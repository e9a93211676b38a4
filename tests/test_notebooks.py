"""The notebooks import and never define, tell nothing of a machine, and run from top to bottom."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
BOOKS = sorted(file.name for file in FOLDER.glob("*.ipynb"))
KNOWN = {
    "features",
    "training",
    "serving",
    "IPython",
    "matplotlib",
    "numpy",
    "pandas",
    "sklearn",
} | sys.stdlib_module_names


def cells(name: str, kind: str) -> list[nbformat.NotebookNode]:
    book = nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in book.cells if cell.cell_type == kind]


def test_there_are_six() -> None:
    assert [name[0] for name in BOOKS] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_imports_and_never_defines(name: str) -> None:
    for cell in cells(name, "code"):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)), cell.source
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] in KNOWN
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= KNOWN


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_is_kept_with_its_outputs_and_without_its_machine(name: str) -> None:
    code = cells(name, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any(cell.outputs for cell in code)
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            if output.output_type == "display_data":
                assert any(kind.startswith("image/") for kind in output.data), "a plot that is not seen"
    text = (FOLDER / name).read_text(encoding="utf-8")
    for place in ("/work", "/tmp", "/root", "/home", "site-packages", "object at 0x"):
        assert place not in text
    assert "The company is synthetic" in cells(name, "markdown")[0].source


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_runs_from_top_to_bottom(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("TENURE_NOTEBOOK_ACCOUNTS", "300")
    book = nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
