"""Folders of coordinate files to score: what is in them, and which picks belong to which truth."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_hydrapicker import formats
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.formats import star
from napari_hydrapicker.picks import Picks


class EvaluationWarning(UserWarning):
    """Something was left out of an evaluation."""


class Key(NamedTuple):
    """A micrograph in a folder: the first sub-folder its file lies in ("" for none), and its name."""

    folder: str
    name: str


@dataclass(frozen=True)
class Pairing:
    """Which micrographs have both picks and truth, and which have only one of them.

    ``pairs`` holds (key of the picks, key of the truth).
    """

    pairs: list[tuple[Key, Key]]
    without_picks: list[Key]
    without_truth: list[Key]


class _Found(NamedTuple):
    path: Path
    picks: Picks


def read_folder(folder: str | Path) -> dict[Key, Picks]:
    """Read all coordinate files in a folder and its sub-folders, or one single file.

    Of one micrograph's picks in several formats, those in the format that keeps most are taken.
    RELION's list of coordinate files is read only if there is no other file in the folder.

    Raises
    ------
    CoordinateFileError
        If the folder is missing or holds no coordinates, a file is damaged, or two files of one
        format hold different picks of one micrograph.

    Warns
    -----
    EvaluationWarning
        If a file with a coordinate file's extension is none.
    """
    folder = Path(folder)
    found: dict[Key, list[_Found]] = defaultdict(list)
    for path in _coordinate_files(folder):
        inner = path.relative_to(folder).parts if path != folder else (path.name,)
        sub_folder = inner[0] if len(inner) > 1 else ""
        for name, picks in formats.read(path).items():
            found[Key(sub_folder, name)].append(_Found(path, picks))
    return {key: _choose(key, found[key]) for key in sorted(found)}


def _coordinate_files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise CoordinateFileError(f"{folder}: no such folder")
    paths = (path for path in folder.rglob("*") if formats.may_hold_coordinates(path))
    files = sorted(path for path in paths if path.is_file() and not path.name.startswith("."))
    kinds: dict[Path, str] = {}
    for path in files:
        try:
            kinds[path] = formats.detect(path)
        except CoordinateFileError as error:
            warnings.warn(f"left out: {error}", EvaluationWarning, stacklevel=2)
    if not kinds:
        known = ", ".join(sorted(formats.EXTENSIONS))
        raise CoordinateFileError(f"{folder}: no coordinate files ({known}) in this folder")
    lists = {path for path, kind in kinds.items() if kind == star.COMBINED.name}
    return [path for path in kinds if path not in lists] or list(kinds)


def _choose(key: Key, found: list[_Found]) -> Picks:
    """Take the picks in the best format; two files of it must agree."""
    found = sorted(found, key=lambda entry: formats.exactness(entry.path))
    best = found[0]
    for other in found[1:]:
        if other.path.suffix.lower() == best.path.suffix.lower() and not _same(best.picks, other.picks):
            raise CoordinateFileError(
                f"{best.path} and {other.path} hold different picks of {key.name}: keep one of them"
            )
    return best.picks


def _same(a: Picks, b: Picks) -> bool:
    return np.array_equal(a.yx, b.yx) and np.array_equal(a.score, b.score, equal_nan=True)


def pair(picks: Mapping[Key, Picks], truth: Mapping[Key, Picks]) -> Pairing:
    """Pair picks with truth by the micrograph's name.

    The same sub-folder and name make a pair; else the same name, if only one file on each side has it
    (so that one flat folder of picks can be held against sub-folders of truth, and the other way round).
    """
    pick_names, truth_names = _by_name(picks), _by_name(truth)
    pairs: list[tuple[Key, Key]] = []
    for key in truth:
        others = pick_names[key.name]
        if key in picks:
            pairs.append((key, key))
        elif len(others) == 1 and len(truth_names[key.name]) == 1:
            pairs.append((others[0], key))
    paired_picks, paired_truth = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    return Pairing(
        pairs,
        [key for key in truth if key not in paired_truth],
        [key for key in picks if key not in paired_picks],
    )


def _by_name(keys: Mapping[Key, Picks]) -> defaultdict[str, list[Key]]:
    names: defaultdict[str, list[Key]] = defaultdict(list)
    for key in keys:
        names[key.name].append(key)
    return names
