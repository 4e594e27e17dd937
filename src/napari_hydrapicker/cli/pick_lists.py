"""Several folders of picks, read and joined by the micrographs' names."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.micrograph_sizes import Scale, read_summaries
from napari_hydrapicker.io.coordinates import ShapeOf
from napari_hydrapicker.io.coordinates.base import MAX_COORDINATE_PX
from napari_hydrapicker.io.coordinates.folder import Key, ShapeIndex, read_folder
from napari_hydrapicker.io.names import match_names
from napari_hydrapicker.picking.consensus import JOIN_DIAMETERS, are_probabilities
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import shortened


class ScoreWarning(UserWarning):
    """Scores that are no probabilities were left out."""


@dataclass(frozen=True, eq=False)
class PickList:
    """The picks in one folder or file, and what picking noted of the micrographs."""

    name: str
    picks: dict[Key, Picks]
    scales: dict[Key, Scale]

    @property
    def names(self) -> set[str]:
        """Names of its micrographs."""
        return {key.name for key in self.picks}


@dataclass(frozen=True, eq=False)
class Shared:
    """A micrograph that all lists hold: where its results go, its picks by list, its size if known.

    ``key.folder`` is the sub-folder where all lists have it in one of that name, else ""; ``keys`` are its
    names in the lists.
    """

    key: Key
    picks: dict[str, Picks]
    scale: Scale | None
    keys: tuple[Key, ...] = ()


def read_lists(paths: Sequence[Path], shape_of: ShapeOf | None = None) -> list[PickList]:
    """Read folders or files of picks; a list whose scores are no probabilities loses them all.

    Parameters
    ----------
    paths : sequence of Path
        The lists.
    shape_of : callable, optional
        Returns a micrograph's rows and columns by its name; by default what picking noted of any list.

    Raises
    ------
    CoordinateFileError
        If one is missing, damaged or without coordinates.
    ParameterError
        If one is named twice.

    Warns
    -----
    ScoreWarning
        If a list's scores are not between 0 and 1.
    """
    resolved = [path.resolve() for path in paths]
    for place, path in enumerate(paths):
        if resolved[place] in resolved[:place]:
            raise ParameterError(f"{path}: is given twice; it would vote twice")
    scales = [read_summaries(path) for path in paths]
    noted = ShapeIndex({key.path: scale[0] for one in scales for key, scale in one.items()})

    def shape(name: str) -> tuple[int, int] | None:
        return (shape_of(name) if shape_of is not None else None) or noted(name)

    return [
        PickList(name, _with_probabilities(path, read_folder(path, shape)), own)
        for name, path, own in zip(_names(resolved), paths, scales, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names of the lists, longer where they would be the same."""
    parts = 1
    while len({path.parts[-parts:] for path in paths}) < len(paths):
        parts += 1
    return ["/".join(path.parts[-parts:]) for path in paths]


def _with_probabilities(path: Path, picks: dict[Key, Picks]) -> dict[Key, Picks]:
    bad = next((one for one in picks.values() if not are_probabilities(one)), None)
    if bad is None:
        return picks
    value = float(bad.score[(bad.score < 0) | (bad.score > 1)][0])
    message = f"{path}: scores such as {value:g} are no probabilities: each of its picks counts as 1"
    warnings.warn(message, ScoreWarning, stacklevel=3)
    return {key: replace(one, score=np.full(len(one), np.nan, np.float32)) for key, one in picks.items()}


def join(lists: Sequence[PickList]) -> tuple[list[Shared], list[str]]:
    """Join lists by micrograph; return what all of them hold, and the names that some lack, sorted.

    Every list is matched with the first by the rule of `match_names`.

    Raises
    ------
    ParameterError
        If no micrograph is in all lists, it cannot be told which belong together, or two lists' micrographs
        of one name differ in size.
    """
    first, *others = lists
    rows = {key: [key] for key in sorted(first.picks)}
    missing: set[str] = set()
    for other in others:
        match = match_names({key: key.path for key in first.picks}, {key: key.path for key in other.picks})
        match.check_unambiguous(f"picks in {first.name}", f"picks in {other.name}")
        partners = dict(match.pairs)
        missing.update(key.label for key in (*match.left_only, *match.right_only))
        rows = {key: [*row, partners[key]] for key, row in rows.items() if key in partners}
    if not rows:
        raise ParameterError(
            "no micrograph is in all lists: "
            + "; ".join(f"{one.name} has {shortened(sorted(one.names))}" for one in lists)
        )
    return [_shared(lists, row) for row in rows.values()], sorted(missing)


def _shared(lists: Sequence[PickList], keys: Sequence[Key]) -> Shared:
    scales = [(one.name, one.scales[key]) for one, key in zip(lists, keys, strict=True) if key in one.scales]
    for name, scale in scales[1:]:
        if scale[0] != scales[0][1][0]:
            shapes = " but ".join(
                f"{rows} x {cols} in {of}" for of, ((rows, cols), _) in (scales[0], (name, scale))
            )
            raise ParameterError(f"{keys[0].name}: {shapes} pixels: pick the same files in each")
    folder = keys[0].folder if len({key.folder for key in keys}) == 1 else ""
    picks = {one.name: one.picks[key] for one, key in zip(lists, keys, strict=True)}
    return Shared(Key(folder, keys[0].name), picks, scales[0][1] if scales else None, tuple(keys))


@dataclass(frozen=True)
class Reach:
    """How far apart picks of one particle may lie: pixels, or a share of the diameter in Angstrom."""

    distance_px: float | None
    diameter_angstrom: float | None
    pixel_size_angstrom: float | None

    def pixel_size(self, shared: Shared) -> float | None:
        """Return Angstrom per pixel: what the user gave, else what picking noted, else None."""
        return self.pixel_size_angstrom or (shared.scale[1] if shared.scale else None)

    def diameter_px(self, shared: Shared) -> float | None:
        """Return the particle's diameter in pixels, or None if it is not known.

        Raises
        ------
        ParameterError
            If it is needed for the distance, and the pixel size is unknown.
        """
        size = self.pixel_size(shared)
        if self.diameter_angstrom is not None and size is not None:
            return self.diameter_angstrom / size
        if self.distance_px is None:
            raise ParameterError(
                f"{shared.key.name}: the pixel size is unknown: give --pixel-size, or --distance in pixels"
            )
        known = [one.diameter_px for one in shared.picks.values() if one.diameter_px is not None]
        return float(np.median(known)) if known else None

    def distance(self, shared: Shared) -> float:
        """Return the greatest distance of two picks of one particle, pixels.

        Raises
        ------
        ParameterError
            As `diameter_px`, and if it is that of no particle on a micrograph.
        """
        found = self.distance_px or JOIN_DIAMETERS * (self.diameter_px(shared) or math.nan)
        if found > MAX_COORDINATE_PX:
            asked = "--distance" if self.distance_px else "--diameter and --pixel-size"
            raise ParameterError(
                f"{shared.key.name}: picks {found:.3g} pixels apart would be one particle: check {asked}"
            )
        return found
