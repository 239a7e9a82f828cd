"""The structure of the package: which room may import from which, and only downwards."""

import ast
from pathlib import Path

import pytest

import rfmlearn

ROOT = Path(rfmlearn.__file__).parent

# From the top floor down. A room imports from rooms that it lists, all of which stand below it.
ARROWS = {
    "__init__": {"_warmup", "deep", "search", "rfm", "images", "gradients"},
    "_warmup": {"rfm", "images", "kernels"},
    "dask": {"rfm", "large", "tables", "targets", "solvers", "kernels"},
    "inspection": {"deep", "search", "rfm", "gradients", "neural", "large", "recursion", "tables"},
    "concepts": {"deep", "rfm", "neural", "recursion", "targets"},
    "deep": {"rfm", "gradients", "recursion", "tables", "targets"},
    "search": {"rfm", "large", "recursion", "tables", "targets", "solvers", "kernels"},
    "rfm": {"large", "recursion", "tables", "targets", "solvers", "kernels"},
    "large": {"recursion", "solvers", "kernels"},
    "images": {"recursion", "tables", "targets", "solvers", "kernels"},
    "gradients": {"neural", "recursion", "tables", "targets", "kernels"},
    "neural": {"recursion", "targets"},
    "recursion": {"solvers", "kernels"},
    "tables": {"solvers", "kernels"},
    "targets": set(),
    "solvers": set(),
    "kernels": set(),
    "datasets": set(),
    "_sklearn_compat": set(),
    "runtime": set(),
}
GROUND = {"runtime", "_sklearn_compat"}  # everybody stands on it
WITHOUT_SKLEARN = {"recursion", "solvers", "kernels"}


def name_of(path):
    return ".".join(("rfmlearn", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imports(name):
    """Absolute names of the modules that a module imports, inside of functions too."""
    path = NAMES[name]
    package = (name if path.stem == "__init__" else name.rpartition(".")[0]).split(".")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            submodules = {f"{module}.{alias.name}" for alias in node.names}
            yield from submodules & NAMES.keys() or [module]


def room(name):
    return name.split(".")[1] if "." in name else "__init__"


def test_every_room_is_on_a_floor():
    assert set(map(room, NAMES)) == set(ARROWS)
    floors = list(ARROWS)
    for upper, lower in ((upper, lower) for upper, rooms in ARROWS.items() for lower in rooms):
        assert floors.index(upper) < floors.index(lower), f"{upper} -> {lower} climbs"


@pytest.mark.parametrize("module", sorted(NAMES))
def test_imports_go_down(module):
    here = room(module)
    for name in imports(module):
        if name.partition(".")[0] == "rfmlearn":
            allowed = {here} | ARROWS[here] | (GROUND if here not in GROUND else set())
            assert room(name) in allowed, f"{here} must not import {name}"
        if name.partition(".")[0] == "sklearn":
            assert here not in WITHOUT_SKLEARN, f"{here} must not import {name}"


def test_no_room_is_listed_for_nothing():
    found = {(room(module), room(name)) for module in NAMES for name in imports(module) if name.startswith("rfmlearn.")}
    listed = {(upper, lower) for upper, rooms in ARROWS.items() for lower in rooms}
    assert not listed - found


def test_no_circles_of_modules():
    """Not even by imports inside of functions."""
    graph = {module: {name for name in imports(module) if name in NAMES and name != module} for module in NAMES}
    done, active = set(), []

    def visit(name):
        assert name not in active, f"circle: {' -> '.join([*active[active.index(name) :], name])}"
        if name not in done:
            active.append(name)
            for other in sorted(graph[name]):
                visit(other)
            done.add(active.pop())

    for name in sorted(graph):
        visit(name)
