"""The house stands as drawn: who may import whom, one door a library, and one declared row a feature."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from features.catalogue import CATALOGUE, FAMILIES
from features.measure import references
from features.sources import SOURCES

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "training", "serving")
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
}
DOORS = {
    "bentoml": {"serving.service"},
    "lightgbm": {"training.booster"},
    "mlflow": {"training.tracking"},
    "optuna": {"training.tune"},
    "shap": {"training.plots"},
    "sqlalchemy": {"serving.ledger", "training.tune"},
}
ENTRIES = {"serving.cli", "serving.demo", "serving.reports", "serving.words"}
"""What runs or words whole jobs; all else in `serving` sees of training only what a served model needs."""
TABLES_OF_ROWS = {"features.sources"}
"""Like a file of the catalogue, one declared row after another; length is no burden there."""
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime", "monotonic"}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """The full names a module imports, wherever it does so; a name of a module resolves to that module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively; expected the full name"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def owner(name: str) -> str | None:
    """The module of ours that an imported name lives in."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


@cache
def ours(module: str) -> frozenset[str]:
    """The modules of ours that a module imports."""
    return frozenset(found for name in imports(module) if (found := owner(name)) and found != module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_from_serving_to_training_to_features(module: str) -> None:
    own = PACKAGES.index(module.split(".")[0])
    upward = {name for name in ours(module) if PACKAGES.index(name.split(".")[0]) > own}
    assert not upward
    assert not {name for name in imports(module) if name.split(".")[0] in ("tests", "benchmarks", "notebooks")}


def test_no_module_imports_itself_through_others() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module not in done:
            for name in sorted(ours(module)):
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize(("library", "doors"), DOORS.items())
def test_a_library_has_one_door(library: str, doors: set[str]) -> None:
    assert {module for module in MODULES if library in {name.split(".")[0] for name in imports(module)}} == doors


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("serving") and name not in ENTRIES])
def test_what_serves_sees_only_the_finished_model(module: str) -> None:
    finished = ("calibration", "outcomes", "model", "registry", "trail", "metrics", "standing")
    allowed = {f"training.{name}" for name in finished}
    assert {name for name in ours(module) if name.startswith("training")} <= allowed


def test_only_outcomes_look_past_a_date() -> None:
    mentions = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if (isinstance(node, ast.Name) and node.id == "follow")
        or (isinstance(node, ast.Attribute) and node.attr == "follow")
        or (isinstance(node, ast.alias) and node.name == "follow")
    }
    assert mentions == {"training.outcomes"}


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("serving")])
def test_nothing_that_learns_asks_the_clock(module: str) -> None:
    """The registry may: it stamps its audit trail with the moment somebody promoted."""
    asks = [
        f"{module}:{node.lineno}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, (ast.Name, ast.Attribute))
        and ast.unparse(node.func.value).split(".")[-1] in ("datetime", "date", "time", "Timestamp", "pd", "ibis", "dt")
    ]
    if module == "training.registry":
        assert len(asks) == 1
    else:
        assert not asks


@pytest.mark.parametrize("module", [name for name in MODULES if name != "serving.cli"])
def test_no_error_is_swallowed_unseen(module: str) -> None:
    broad = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or {"Exception", "BaseException"}
            & {ast.unparse(part) for part in ast.walk(node.type) if isinstance(part, ast.Name)}
        )
    ]
    assert not broad


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_a_named_noun_of_bearable_length(module: str) -> None:
    assert module.split(".")[-1] not in ("utils", "helpers", "common", "core", "base", "manager")
    longest = 420 if module in TABLES_OF_ROWS or module.startswith("features.catalogue.") else 320
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= longest


@pytest.mark.parametrize("module", MODULES)
def test_whatever_is_public_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module)), "the module has no docstring"
    mute = [
        node.name
        for node in tree(module).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not mute


def test_a_feature_has_one_name() -> None:
    names = [feature.name for rows in FAMILIES.values() for feature in rows]
    assert sorted(names) == sorted(set(names))
    assert list(CATALOGUE) == names
    labels = [feature.label for feature in CATALOGUE.values()]
    assert sorted(labels) == sorted(set(labels))


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_feature_reads_and_names_only_what_exists(name: str) -> None:
    feature = CATALOGUE[name]
    assert feature.source in SOURCES
    assert feature.mentions <= set(CATALOGUE)
    assert references(feature.measure) <= set(CATALOGUE)
    assert feature.mentions, "a sentence without a value in it says nothing about the account"


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_feature_is_made_of_itself(name: str) -> None:
    reached, found = set[str](), references(CATALOGUE[name].measure)
    while found:
        reached |= found
        found = frozenset().union(*(references(CATALOGUE[one].measure) for one in found)) - reached
    assert name not in reached


def test_the_wheel_holds_the_three_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
