"""Picks that other programs have made, for a consensus with our own."""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.evaluation.loading import EvaluationWarning, Key, read_folder
from napari_hydrapicker.picking.consensus import are_probabilities
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True, eq=False)
class ImportedPicks:
    """The picks in a file or folder, by micrograph.

    Attributes
    ----------
    path : Path
        The file or folder.
    picks : dict of Key to Picks
        Scores are probabilities or absent.
    remark : str
        What the user should know of it; "" for nothing.
    """

    path: Path
    picks: dict[Key, Picks]
    remark: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a coordinate file of any format, or all in a folder.

        If scores are no probabilities, all are left out.

        Raises
        ------
        CoordinateFileError
            If it is missing, damaged or without coordinates.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EvaluationWarning)  # of other files that happen to be there
            picks = read_folder(path)
        if all(are_probabilities(one) for one in picks.values()):
            return cls(path, picks)
        without = {
            key: replace(one, score=np.full(len(one), np.nan, np.float32)) for key, one in picks.items()
        }
        return cls(path, without, f"{path}: its scores are no probabilities: each of its picks counts as 1")

    def of(self, name: str) -> Picks:
        """Return the picks of a micrograph.

        Raises
        ------
        MicrographError
            If there are none, or several sub-folders have some.
        """
        by_name: defaultdict[str, list[Key]] = defaultdict(list)
        for key in self.picks:
            by_name[key.name].append(key)
        keys = by_name[name]
        if not keys:
            some = ", ".join(sorted(by_name)[:3])
            raise MicrographError(
                f"{name}: the imported picks in {self.path} have no such micrograph ({some} …)"
            )
        if len(keys) > 1:
            folders = " and ".join(sorted(key.folder or "." for key in keys)[:2])
            raise MicrographError(f"{name}: {self.path} has it in {folders}: choose one of these sub-folders")
        return self.picks[keys[0]]
