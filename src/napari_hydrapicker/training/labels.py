"""Labels from coordinate files: by micrograph, and whether they belong to it as far as its size tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.formats.folder import Key, ShapeIndex, read_folder
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.micrograph_name import Match, match_names
from napari_hydrapicker.picks import Picks

_MOST_OUTSIDE = 0.1  # a few may be boxes of particles that an edge cuts


def read_labels(path: Path, micrographs: Sequence[Micrograph]) -> tuple[list[Picks | None], Match[int, Key]]:
    """Read a coordinate file, or all in a folder and its sub-folders, and match them with micrographs by
    name.

    Parameters
    ----------
    path : Path
        The file or folder.
    micrographs : sequence of Micrograph
        What the labels are wanted for.

    Returns
    -------
    labels : list of Picks or None
        Of each micrograph, in their order; None where there are none.
    match : Match
        Indices of micrographs with the files' micrographs.

    Raises
    ------
    CoordinateFileError
        If it is missing, damaged or without coordinates.
    ParameterError
        If it cannot be told which labels belong to which micrograph.
    """
    found = read_folder(path, ShapeIndex({one.full_name: one.shape for one in micrographs}))
    match = match_names(
        {i: one.full_name for i, one in enumerate(micrographs)}, {key: key.path for key in found}
    )
    match.check_unambiguous("micrographs", f"picks in {path}")
    labels: list[Picks | None] = [None] * len(micrographs)
    for i, key in match.pairs:
        labels[i] = found[key]
    return labels, match


def check_inside(labels: Picks, micrograph: Micrograph, origin: Path) -> None:
    """Refuse labels of which more than a tenth lie outside the micrograph: they were made on another image.

    Parameters
    ----------
    labels
        Of this micrograph.
    micrograph
        What they are held against.
    origin
        File or folder that they came from, for the message.

    Raises
    ------
    ParameterError
        If they do not fit.
    """
    outside = int(((labels.yx < -0.5) | (labels.yx > np.array(micrograph.shape) - 0.5)).any(axis=1).sum())
    if outside > _MOST_OUTSIDE * len(labels):
        rows, cols = micrograph.shape
        raise ParameterError(
            f"{origin}: {outside} of {len(labels)} positions lie outside the {rows} x {cols} pixels of "
            f"{micrograph.path}; give positions on it, not on a copy that is binned otherwise"
        )
