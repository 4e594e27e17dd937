"""Who imports whom: downwards only, in no circle, and without Qt below the window."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import napari_hydrapicker

PACKAGE = Path(napari_hydrapicker.__file__).parent
NAME = PACKAGE.name
# Every room imports from itself and from those before it.
ORDER = (
    "wording", "errors", "picks", "io", "imaging", "simulation", "evaluation", "hydra", "cgan", "picking",
    "training", "classes", "project", "worker", "cluster", "cli", "gui",
)  # fmt: skip
WINDOW = {"napari", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "magicgui"}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """Dotted names of what a module imports, at whatever place in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(name: str) -> str | None:
    """The module of ours that a dotted name is, or is in; None for those of others."""
    if not name.startswith(f"{NAME}."):
        return None
    name = name.removeprefix(f"{NAME}.")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


ARROWS = {name: {m for m in map(own, imported(path)) if m and m != name} for name, path in MODULES.items()}


def test_there_are_no_rooms_but_those_in_order() -> None:
    rooms = {name.partition(".")[0] for name in MODULES} - {"", "__main__"}
    assert rooms == set(ORDER)


def test_imports_run_downwards() -> None:
    level = {room: i for i, room in enumerate(ORDER)}
    upwards = [
        f"{name} imports {other}"
        for name, others in ARROWS.items()
        if name.partition(".")[0] in level
        for other in others
        if level[other.partition(".")[0]] > level[name.partition(".")[0]]
    ]
    assert not upwards


def test_the_window_and_the_command_line_do_not_need_one_another() -> None:
    assert not [
        n for n, others in ARROWS.items() if n.startswith("gui") for o in others if o.startswith("cli")
    ]


def test_no_module_imports_itself_through_others() -> None:
    left = {name: set(others) for name, others in ARROWS.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"in or above a circle: {sorted(left)}"


def test_nothing_below_the_window_imports_napari_or_qt() -> None:
    users = [
        f"{name} imports {other}"
        for name, path in MODULES.items()
        if not name.startswith("gui")
        for other in imported(path)
        if other.partition(".")[0] in WINDOW
    ]
    assert not users


PAGE = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_files_that_the_page_names_are_there() -> None:
    named = set(re.findall(rf"(?:{'|'.join(ORDER)})(?:/[\w/]+)?\.py", PAGE))
    assert len(named) > 40
    missing = [one for one in named if not (PACKAGE / one).is_file() and "NAME" not in one]
    tests = Path(__file__).parent
    assert not [one for one in missing if not (tests / one).is_file()]
    for one in re.findall(r"tests/[\w/]+\.py", PAGE):
        assert "NAME" in one or (tests.parent / one).is_file(), one


def test_the_page_describes_every_room_in_the_order_of_imports() -> None:
    table = PAGE.partition("| room |")[2].partition("\n\n")[0]
    rooms = [
        name.removesuffix(".py")
        for row in table.splitlines()[2:]
        for name in re.findall(r"`([\w.]+)`", row.split("|")[1])
    ]
    assert rooms == list(ORDER)
