"""Draw the rooms of the package and the arrows of its imports, from the code: ``docs/_static/architecture.svg``.

``python docs/draw_architecture.py`` needs matplotlib, which the docs extra brings.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt

PACKAGE = Path(__file__).parent.parent / "rfmlearn"
GROUND = ("runtime", "_sklearn_compat")
# From the top floor down, each room with its place from left to right; what it is for is in its own first line.
FLOORS = (
    {"concepts": -4.0, "inspection": 0.0},
    {"deep": -4.0, "dask": 0.0, "search": 4.0},
    {"rfm": 0.0},
    {"gradients": -4.0, "large": 0.0, "images": 4.0},
    {"neural": -4.0, "recursion": 1.9},
    {"tables": -3.6, "targets": 0.0, "solvers": 3.8},
    {"kernels": -1.8},
    {"runtime": -2.1, "_sklearn_compat": 2.1},
)
ROOM, STEP = (3.0, 0.8), 1.5


def imports(path):
    """Rooms from which a module imports, inside of functions too."""
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) + 1 - node.level]
            names = (*base, *(node.module.split(".") if node.module else [node.names[0].name]))
            yield names[0]


def arrows():
    """How many modules of one room import from another."""
    counts: Counter = Counter()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for target in set(imports(path)) - {room}:
            counts[room, target] += 1
    return counts


def purpose(room):
    """First line of the docstring of a room, up to the colon."""
    path = PACKAGE / room / "__init__.py"
    text = ast.get_docstring(ast.parse((path if path.exists() else PACKAGE / f"{room}.py").read_text()))
    return text.splitlines()[0].split(";")[0].split(":")[0].rstrip(".")


def main():
    """Boxes by floor, and an arrow for each pair of rooms that has imports."""
    figure, ax = plt.subplots(figsize=(10.5, 10.5))
    places = {}
    for level, rooms in enumerate(FLOORS):
        for room, x in rooms.items():
            places[room] = x, -level * STEP
    for (room, target), count in sorted(arrows().items()):
        if room in places and target in places and target not in GROUND:
            (x, y), (u, v) = places[room], places[target]
            bend = 0.0 if y - v < 1.5 * STEP else (0.15 if x >= u else -0.15)
            style = dict(arrowstyle="-|>", color="#777777", lw=0.6 + 0.25 * min(count, 6), shrinkA=0, shrinkB=2)
            style["connectionstyle"] = f"arc3,rad={bend}"
            ax.annotate("", (u, v + ROOM[1] / 2), (x, y - ROOM[1] / 2), arrowprops=style, zorder=1)
    for room, (x, y) in places.items():
        face = "#eeeeee" if room in GROUND else "#dcebf7"
        corner = x - ROOM[0] / 2, y - ROOM[1] / 2
        ax.add_patch(plt.Rectangle(corner, *ROOM, facecolor=face, edgecolor="#333333", lw=0.8, zorder=2))
        ax.text(x, y + 0.13, room, ha="center", va="center", weight="bold", fontsize=11, zorder=3)
        words, lines = purpose(room).split(), [""]
        for word in words:
            if len(lines[-1]) + len(word) > 40:
                lines.append("")
            lines[-1] += f"{word} "
        ax.text(x, y - 0.16, "\n".join(lines[:2]), ha="center", va="center", fontsize=7, color="#333333", zorder=3)
    ax.set(xlim=(-5.6, 5.6), ylim=(-(len(FLOORS) - 1) * STEP - 0.6, 0.6))
    ax.axis("off")
    figure.tight_layout(pad=0.2)
    figure.savefig(Path(__file__).parent / "_static" / "architecture.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
