"""Whether labels belong to a micrograph, as far as its size tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picks import Picks

_MOST_OUTSIDE = 0.1  # a few may be boxes of particles that an edge cuts


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
