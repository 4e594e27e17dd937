"""Folders of coordinate files: which files count, what they hold, and of which micrograph it is.

A folder may be what any program leaves: RELION's job (with its own STAR files beside the picks, which lie
under ``Movies/`` or wherever the movies did), crYOLO's output in three formats, ours, or files gathered by
hand.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, NotCoordinatesError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates import ShapeOf, star
from napari_hydrapicker.io.coordinates.star_lists import listed_files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.io.names import Match, NameFinder, distinct_names, match_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import first_of

# What RELION writes into a job's folder beside its results.
_OF_RELION = re.compile(
    r"(job|job_pipeline|default_pipeline|summary|coords_suffix_\w+|\w*optimiser|nodes|micrographs(_ctf)?"
    r"|corrected_micrographs)\.star|note\.txt",
    re.IGNORECASE,
)
# Folders that say how picks are stored, not of what: crYOLO's, and RELION's and cryoSPARC's jobs.
_HOW_STORED = re.compile(r"CBOX|STAR|EMAN|CBOX_REMAPPED|job\d{3,}|J\d{1,5}|coordinates|picks", re.IGNORECASE)


class LeftOutWarning(UserWarning):
    """A file in a folder of coordinates was left out."""


@dataclass(frozen=True, order=True)
class Key:
    """A micrograph in a folder of coordinates.

    Attributes
    ----------
    folder : str
        The sub-folder that its file lies in, and the folders by which a table tells it from others; "" for
        none.
    name : str
        Its name.
    path : str
        All that is known of where it lies, without image extension: what names are matched by.
    """

    folder: str
    name: str
    path: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.path:
            object.__setattr__(self, "path", f"{self.folder}/{self.name}" if self.folder else self.name)

    @property
    def label(self) -> str:
        """Sub-folder and name, as a person would say it."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def data_set(self) -> str:
        """The first sub-folder, "" for none: folders of data sets hold one each."""
        return self.folder.partition("/")[0]


@dataclass(frozen=True)
class FolderContent:
    """What a folder of coordinate files holds.

    Attributes
    ----------
    picks : dict of Key to Picks
        Sorted; of a micrograph in several formats what the most exact one holds.
    n_files : int
        Number of files that were looked at.
    problems : list of str
        A line for each file that should be read and could not, and for contradictory ones.
    left_out : list of str
        A line for each file that is something else.
    spare : list of Path
        Files of which others hold more.
    """

    picks: dict[Key, Picks]
    n_files: int
    problems: list[str]
    left_out: list[str]
    spare: list[Path]


class ShapeIndex:
    """Finds the size of a micrograph by the name that a coordinate file gives it.

    Parameters
    ----------
    shapes : mapping of str to (int, int)
        Rows and columns, pixels, by the micrographs' names or paths.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        self._shapes = dict(shapes)
        self._finder = NameFinder({name: name for name in shapes})

    def __call__(self, name: str) -> tuple[int, int] | None:
        """Return the shape of a micrograph; None where there is none of its name, or several of unlike "
        "sizes."""
        found = {self._shapes[key] for key in self._finder.candidates(name)}
        return found.pop() if len(found) == 1 else None


class _Found(NamedTuple):
    path: Path
    picks: Picks


def read_folder(
    folder: str | Path, shape_of: ShapeOf | None = None, before_each: Callable[[], object] | None = None
) -> dict[Key, Picks]:
    """Read all coordinate files in a folder and its sub-folders, or one single file.

    Parameters
    ----------
    folder : str or Path
        The folder or file.
    shape_of : callable, optional
        See `coordinates.read`.
    before_each : callable, optional
        Is called before each file of a folder; what it raises ends the reading.

    Raises
    ------
    CoordinateFileError
        If the folder is missing or holds no coordinates, a file is damaged, or two files of one
        format hold different picks of one micrograph.

    Warns
    -----
    LeftOutWarning
        If a file with a coordinate file's extension is none.
    """
    content = scan_folder(folder, shape_of=shape_of, before_each=before_each)
    if content.problems:
        raise CoordinateFileError(first_of(content.problems))
    for line in content.left_out:
        warnings.warn(f"left out: {line}", LeftOutWarning, stacklevel=2)
    return content.picks


def read_matched(path: Path, micrographs: Sequence[Micrograph]) -> tuple[list[Picks | None], Match[int, Key]]:
    """Read a coordinate file, or all in a folder and its sub-folders, for micrographs that are at hand.

    This is how picks are imported: matched by name, turned over where the format counts y from the other
    edge. Whether they fit the images is for `frame_check.check_frame` to say.

    Parameters
    ----------
    path : Path
        The file or folder.
    micrographs : sequence of Micrograph
        What the picks are wanted for.

    Returns
    -------
    picks : list of Picks or None
        Of each micrograph, in their order; None where there are none.
    match : Match
        Indices of micrographs with the files' micrographs: what has no partner on either side is in it.

    Raises
    ------
    CoordinateFileError
        If it is missing, damaged or without coordinates.
    ParameterError
        If it cannot be told which picks belong to which micrograph.
    """
    found = read_folder(path, ShapeIndex({one.full_name: one.shape for one in micrographs}))
    match = match_names(
        {i: one.full_name for i, one in enumerate(micrographs)}, {key: key.path for key in found}
    )
    match.check_unambiguous("micrographs", f"picks in {path}")
    picks: list[Picks | None] = [None] * len(micrographs)
    for i, key in match.pairs:
        picks[i] = found[key]
    return picks, match


def scan_folder(
    folder: str | Path,
    format: str | None = None,
    shape_of: ShapeOf | None = None,
    before_each: Callable[[], object] | None = None,
) -> FolderContent:
    """Read what can be read of a folder and its sub-folders, or one single file.

    Parameters
    ----------
    folder, shape_of, before_each
        As of `read_folder`.
    format : str, optional
        Of the files; by default recognised by content.

    Raises
    ------
    CoordinateFileError
        If the folder is missing or holds no coordinate files; if a single file cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        if not folder.exists():
            raise CoordinateFileError(f"{folder}: no such file or folder")
        single = formats.detect(folder) if format is None else format
        found = formats.read_paths(folder, single, shape_of)
        picks = {_key("", name, path): found[path] for path, name in _named(found, single)}
        return FolderContent(picks, 1, [], [], [])
    look = before_each or (lambda: None)
    files = _candidates(folder)
    kinds, left_out, problems = _kinds(files, format, look)
    if not kinds:
        known = ", ".join(sorted(formats.EXTENSIONS))
        refused = "".join(f"; {line}" for line in (problems + left_out)[:1])
        raise CoordinateFileError(f"{folder}: no coordinate files ({known}) in this folder{refused}")
    stated, kinds = _listed(kinds)
    gathered: defaultdict[Key, list[_Found]] = defaultdict(list)
    for path, kind in kinds.items():
        look()
        try:
            found = formats.read_paths(path, kind, shape_of)
        except HydraPickerError as error:
            problems.append(str(error))
            continue
        inner = _sub_folder(path, folder)
        for micrograph, name in _named(found, kind):
            own = stated.get(path.resolve()) if stated else None
            key = _key(inner, distinct_names([own])[0] if own else name, own or micrograph)
            gathered[key].append(_Found(path, found[micrograph]))
    picks = {}
    used: set[Path] = set()
    for key in sorted(gathered):
        best = sorted(gathered[key], key=lambda entry: formats.exactness(entry.path))
        contradiction = _contradiction(key, best)
        if contradiction:
            problems.append(contradiction)
        else:
            picks[key] = best[0].picks
        used |= {best[0].path} if not contradiction else {one.path for one in best}
    spare = sorted({one.path for every in gathered.values() for one in every} - used)
    return FolderContent(picks, len(files), problems, left_out, spare)


def _candidates(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if formats.may_hold_coordinates(path))
    return sorted(
        path for path in paths if path.is_file() and not path.name.startswith(".") and not _is_relions(path)
    )


def _is_relions(path: Path) -> bool:
    """Whether a file is one that RELION writes for itself, by its name."""
    return _OF_RELION.fullmatch(path.name) is not None


def _kinds(
    files: Iterable[Path], format: str | None, look: Callable[[], object]
) -> tuple[dict[Path, str], list[str], list[str]]:
    """Tell the files' formats; what holds no positions is left out, what holds them and is not read a "
    "problem."""
    kinds: dict[Path, str] = {}
    left_out: list[str] = []
    problems: list[str] = []
    for path in files:
        look()
        try:
            kinds[path] = formats.detect(path) if format is None else format
        except NotCoordinatesError as error:
            left_out.append(str(error))
        except CoordinateFileError as error:
            problems.append(str(error))
    return kinds, left_out, problems


def _listed(kinds: dict[Path, str]) -> tuple[dict[Path, str], dict[Path, str]]:
    """Take what lists of coordinate files say of the files beside them, and leave the lists themselves out.

    A list that has lost its files says nothing; if there is nothing else, it is kept, so that reading it says
    so.
    """
    lists = [path for path, kind in kinds.items() if kind == star.COMBINED.name]
    others = {path: kind for path, kind in kinds.items() if path not in lists}
    if not others:
        return {}, kinds
    stated: dict[Path, str] = {}
    for path in lists:
        try:
            stated |= {file.resolve(): micrograph for micrograph, file in listed_files(path).items()}
        except HydraPickerError:
            continue
    return stated, others


def _sub_folder(path: Path, folder: Path) -> str:
    inner = path.relative_to(folder).parts[:-1]
    return "/".join(part for part in inner if part not in ("CBOX", "STAR", "EMAN"))


def _named(found: Mapping[str, Picks], kind: str) -> list[tuple[str, str]]:
    """Each micrograph's path, and the short name that it goes by."""
    paths = list(found)
    return list(zip(paths, formats.short_names(paths, kind), strict=True))


def _key(folder: str, name: str, stated: str) -> Key:
    where = [part for part in folder.split("/") if part]
    path = "/".join([*(part for part in where if not _HOW_STORED.fullmatch(part)), stated])
    # A table beside sub-folders may name what lies in them: it is the same micrograph.
    *inner, stem = name.split("/")
    return Key("/".join([*where, *inner]), stem, path)


def _contradiction(key: Key, found: list[_Found]) -> str | None:
    """Say which two files of the best format disagree, if any do."""
    best = found[0]
    for other in found[1:]:
        if other.path.suffix.lower() == best.path.suffix.lower() and not _same(best.picks, other.picks):
            return f"{best.path} and {other.path} hold different picks of {key.name}: keep one of them"
    return None


def _same(a: Picks, b: Picks) -> bool:
    return np.array_equal(a.yx, b.yx) and np.array_equal(a.score, b.score, equal_nan=True)
