"""The folder of one RELION job, as RELION asks programs of its job type *External* to leave it.

RELION starts such a program in the project's folder, names all files relative to that, and learns from files
in the job's folder how the program ended (``RELION_JOB_EXIT_...``) and what it made
(``RELION_OUTPUT_NODES.star``). A user's *Abort* is a file too. Sources: "The External job-type" in RELION's
documentation, and for the node's label the table of ``pipeline_jobs.h`` in RELION 4 and 5.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.coordinates.star_lists import LISTED, MICROGRAPH
from napari_hydrapicker.io.coordinates.star_syntax import star_table_text, star_value
from napari_hydrapicker.io.ctf import read_figures
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.io.lists import listed_in_star, warn_once
from napari_hydrapicker.io.micrograph import Micrograph, open_with_problems
from napari_hydrapicker.io.names import micrograph_path
from napari_hydrapicker.wording import counted

Outcome = Literal["SUCCESS", "FAILURE", "ABORTED"]

PICKS_LIST = "autopick.star"
OUTPUT_NODES = "RELION_OUTPUT_NODES.star"
_OUTCOMES: tuple[Outcome, ...] = ("SUCCESS", "FAILURE", "ABORTED")
_ABORT = "RELION_JOB_ABORT_NOW"
_NODE_COLUMNS = ("rlnPipeLineNodeName", "rlnPipeLineNodeTypeLabel")
_PICKS_LABEL = "MicrographsCoords.star.relion.autopick"
_VERSION = "# version 30001\n\n"
_JOB = re.compile(r"job\d{3,}")  # the second folder of what another job has made


class RelionJob:
    """A job's folder.

    Parameters
    ----------
    folder
        As RELION names it, relative to the project's folder, which is the current one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        """Make the folder if need be, and remove the marks of a run before: RELION would take them for ours.

        Raises
        ------
        OSError
            If it cannot be made or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._unmark()

    def _unmark(self) -> None:
        for name in (_ABORT, *map(_mark, _OUTCOMES)):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def is_to_abort(self) -> bool:
        """Whether the user has chosen *Abort* for it."""
        return (self.folder / _ABORT).exists()

    def end(self, outcome: Outcome) -> None:
        """Leave the mark by which RELION sees that the job has ended, and how; raises as `begin`."""
        self._unmark()
        (self.folder / _mark(outcome)).touch()

    def write_outputs(self, picked: Mapping[str, Path]) -> None:
        """Write the list of coordinate files, and name it as what the job has made.

        Parameters
        ----------
        picked
            By each micrograph's name, exactly as the job's input lists it, its coordinate file.

        Raises
        ------
        CoordinateFileError
            If a file cannot be written.
        """
        rows = [f"{star_value(name)} {star_value(_in_project(file))}" for name, file in picked.items()]
        node = f"{star_value(_in_project(self.folder / PICKS_LIST))} {_PICKS_LABEL}"
        tables = {
            PICKS_LIST: star_table_text("coordinate_files", (MICROGRAPH, LISTED), rows),
            OUTPUT_NODES: star_table_text("output_nodes", _NODE_COLUMNS, [node]),
        }
        write_files(
            {self.folder / name: (_VERSION + text).encode() for name, text in tables.items()}, overwrite=True
        )


def _mark(outcome: Outcome) -> str:
    return f"RELION_JOB_EXIT_{outcome}"


def _in_project(file: Path) -> str:
    return Path(os.path.relpath(file)).as_posix()


@dataclass
class ListedMicrographs:
    """The micrographs of a job's input.

    Attributes
    ----------
    opened
        Those that can be opened, by their names in the list. Their own names hold the folders that RELION
        keeps within a job's folder (`Micrograph.folder`).
    problems
        Why another cannot be opened, by its file.
    """

    opened: dict[str, Micrograph] = field(default_factory=dict)
    problems: dict[Path, str] = field(default_factory=dict)


def open_listed(listing: Path) -> ListedMicrographs:
    """Open the micrographs that a RELION micrographs STAR file names relative to the current folder.

    Pixel sizes are those of the list, its optics groups' as a rule, else the files' own.
    ``rlnMicrographOriginalPixelSize`` is not asked for: it is the movie's, and wrong for a binned micrograph.

    Raises
    ------
    CoordinateFileError
        If the list cannot be read, or lists no micrographs.

    Warns
    -----
    MicrographWarning
        Once for each flaw of the files' headers.
    """
    found = ListedMicrographs()
    doubts: dict[str, list[Path]] = {}
    taken: set[str] = set()
    figures = read_figures(listing)
    for name, pixel_size in listed_in_star(listing):
        path = Path(name)
        try:
            opened, flaws = open_with_problems(path)
            if len(opened) > 1:
                raise MicrographError(
                    f"{path}: a stack of {counted(len(opened), 'image')}, which RELION cannot extract"
                )
        except MicrographError as error:
            found.problems[path] = str(error)
            continue
        for flaw in flaws:
            doubts.setdefault(flaw, []).append(path)
        one = opened[0] if pixel_size is None else opened[0].with_pixel_size(pixel_size)
        placed = next((two for two in _placed(one, name) if two.name not in taken), None)
        if placed is None:
            found.problems[path] = f"{path}: shares its name with another micrograph of the list"
            continue
        taken.add(placed.name)
        found.opened[name] = replace(placed, figures=figures.get(micrograph_path(name)))
    warn_once(doubts)
    return found


def _placed(micrograph: Micrograph, name: str) -> Iterable[Micrograph]:
    """Put a micrograph where RELION's own jobs keep its results: in the folders below the job it is from.

    ``MotionCorr/job002/Movies/a.mrc`` belongs to ``Movies/a``. Of two jobs' files of one name the second
    keeps all its folders.
    """
    parents = PurePosixPath(name).parent.parts
    if any(part in ("/", "..") for part in parents):
        parents = ()
    below = parents[2:] if len(parents) > 1 and _JOB.fullmatch(parents[1]) else parents
    for parts in (below, parents):
        yield replace(micrograph, folder="/".join(parts))
