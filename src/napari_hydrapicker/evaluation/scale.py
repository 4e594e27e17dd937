"""Each micrograph's size and pixel size, for samples made from coordinate files."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.loading import Key
from napari_hydrapicker.evaluation.summary import Scale
from napari_hydrapicker.micrograph import Micrograph, open_micrographs
from napari_hydrapicker.micrograph_files import find_micrographs
from napari_hydrapicker.picks import Picks


class Scales:
    """Looks up micrographs by name, for their shape and pixel size.

    Parameters
    ----------
    micrographs : sequence of str
        Files, folders or patterns; a folder that holds only folders stands for these. If there are
        none, a micrograph is taken to end at its outermost coordinate.
    pixel_size_angstrom : float or None
        Overrides what files state.
    summaries : mapping, optional
        What picking has noted of the micrographs, keyed as the picks; asked if there are no micrographs.

    Raises
    ------
    MicrographError
        If one of the micrographs is missing or cannot be opened.
    ParameterError
        If there are neither micrographs nor a pixel size.
    """

    def __init__(
        self,
        micrographs: Sequence[str],
        pixel_size_angstrom: float | None,
        summaries: Mapping[Key, Scale] | None = None,
    ) -> None:
        self._summaries = summaries or {}
        if pixel_size_angstrom is None and not (micrographs or self._summaries):
            raise ParameterError(
                "the pixel size is unknown: give --pixel-size, or --micrographs to read it from"
            )
        self._pixel_size = pixel_size_angstrom
        self._by_name: dict[str, list[Micrograph]] = defaultdict(list)
        for path in find_micrographs(_with_sub_folders(micrographs)) if micrographs else []:
            for micrograph in open_micrographs(path):
                self._by_name[micrograph.name].append(micrograph)

    @property
    def knows_shapes(self) -> bool:
        """Whether shapes are the micrographs' own, not guessed from coordinates."""
        return bool(self._by_name or self._summaries)

    def of(self, keys: Sequence[Key], picks: Picks, truth: Picks) -> tuple[tuple[int, int], float]:
        """Return one micrograph's shape, pixels, and its pixel size, Angstrom.

        Parameters
        ----------
        keys : sequence of Key
            The folders that its coordinates were found in, and its name: of two micrographs of one
            name, that in a folder of the same name is meant.
        picks, truth : Picks
            Its coordinates, to guess the shape from if nothing better is known.

        Raises
        ------
        ParameterError
            If the micrograph is missing or ambiguous, or its pixel size unknown.
        """
        if not self._by_name:
            noted = next((self._summaries[key] for key in keys if key in self._summaries), None)
            if noted is not None:
                return noted[0], self._size(noted[1], keys[0].name)
            rows, cols = np.concatenate([picks.yx, truth.yx, [[0.0, 0.0]]]).max(axis=0).tolist()
            return (math.floor(rows) + 1, math.floor(cols) + 1), self._size(None, keys[0].name)
        micrograph = self._find(keys)
        return micrograph.shape, self._size(micrograph.pixel_size_angstrom, str(micrograph.path))

    def _find(self, keys: Sequence[Key]) -> Micrograph:
        name = keys[0].name
        candidates = self._by_name.get(name, [])
        if len(candidates) > 1:
            folders = {key.folder for key in keys}
            candidates = [m for m in candidates if m.path.parent.name in folders] or candidates
        if len(candidates) != 1:
            problem = "is not among" if not candidates else f"is the name of {len(candidates)} of"
            raise ParameterError(f"{name} {problem} the micrographs: check what --micrographs names")
        return candidates[0]

    def _size(self, own: float | None, where: str) -> float:
        size = own if self._pixel_size is None else self._pixel_size
        if size is None:
            raise ParameterError(f"{where}: states no pixel size: give --pixel-size")
        if not (math.isfinite(size) and size > 0):
            raise ParameterError(f"{where}: the pixel size must be a positive number, not {size}")
        return size


def _with_sub_folders(paths: Sequence[str]) -> list[str | Path]:
    listed: list[str | Path] = []
    for path in paths:
        inside = sorted(Path(path).iterdir()) if Path(path).is_dir() else []
        folders = [entry for entry in inside if entry.is_dir()]
        listed.extend(folders if folders and len(folders) == len(inside) else [path])
    return listed
