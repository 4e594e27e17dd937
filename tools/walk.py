"""Count the files of the package that run when a command runs, as docs/architecture.md states them.

    python tools/walk.py pick micrograph.mrc --diameter 180 --out picks

prints each file in which a function is called, in the order of their first call, with its functions. What is
done once when a module is imported does not count.
"""

from __future__ import annotations

import inspect
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import napari_hydrapicker
from napari_hydrapicker.cli.main import run

PACKAGE = Path(napari_hydrapicker.__file__).parent


class Walk:
    """A profile function that notes which functions of the package are called, by file."""

    def __init__(self) -> None:
        self.files: dict[str, list[str]] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event != "call" or PACKAGE not in path.parents or not code.co_flags & inspect.CO_OPTIMIZED:
            return  # bodies of modules and classes are not optimised: they run when they are imported
        file, name = path.relative_to(PACKAGE).as_posix(), code.co_name
        if name in self.files.get(file, ()) or importing(frame):
            return
        called = self.files.setdefault(file, [])
        if not name.startswith("<"):
            called.append(name)


def importing(frame: FrameType | None) -> bool:
    """Whether a call comes from the body of a module of the package."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and PACKAGE in Path(frame.f_code.co_filename).parents:
            return True
        frame = frame.f_back
    return False


def main() -> int:
    """Run the command, then print the files."""
    walk = Walk()
    threading.setprofile(walk)
    sys.setprofile(walk)
    try:
        code = run(sys.argv[1:])
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    for number, (file, functions) in enumerate(walk.files.items(), 1):
        print(f"{number:3d}  {file:32s} {', '.join(functions)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
