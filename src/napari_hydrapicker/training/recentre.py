"""Taking a constant offset out of a head's picks.

Training leaves a mean offset of a tenth of a working pixel or so, in a direction that is chance and that
differs between kinds of images. The bias of the output convolution takes up what they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.hydra.anchors import BOX_WPX, REACH_WPX
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.training.sources import Crop
from napari_hydrapicker.training.validation import dense_answer, read_answer

_ROUNDS = 4
_SLOPE_WPX = 0.8 * REACH_WPX  # of the decoded offset, where particles are: 12 wpx times that of tanh
_FEWEST = 100  # true picks; a mean over fewer is mostly chance


def mean_offset(raws: Sequence[Tensor], crops: Sequence[Crop], floor: float) -> NDArray[np.float64]:
    """Mean (row, column) of true picks minus particles, working pixels; shape (2,).

    Parameters
    ----------
    raws
        Dense answers ``(1, 3, h, w)``, one for each crop.
    crops
        Images with exactly known centres.
    floor
        Least logit of a pick.

    Raises
    ------
    ParameterError
        If there are too few true picks for a mean.
    """
    differences = [np.empty((0, 2))]
    for raw, crop in zip(raws, crops, strict=True):
        centres, logits = read_answer(raw, crop.image.shape, crop.yx, crop.ignore_yx, floor=floor)
        found = match(centres, logits, crop.yx, BOX_WPX, Criterion.IOU)
        differences.append(centres[found.is_true] - crop.yx[found.truth_index[found.is_true]])
    offsets = np.concatenate(differences)
    if len(offsets) < _FEWEST:
        raise ParameterError(f"only {len(offsets)} true picks: too few to measure their mean offset")
    return np.asarray(offsets.mean(axis=0), np.float64)


def recentre(
    model: HydraPicker, kinds: Sequence[Sequence[Crop]], head: str = GENERIC, floor: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change the bias of a head's offsets so that the worst mean offset of several kinds of images is least.

    Parameters
    ----------
    model
        The network; the head's output bias is changed in place, nothing else.
    kinds
        Crops of each kind: simulated, so that the centres are exact, and not those reported on.
    head
        Which head.
    floor
        Least logit of a pick.

    Returns
    -------
    before, after : ndarray, shape (K, 2)
        Mean (row, column) offsets of each kind, working pixels.

    Raises
    ------
    ParameterError
        If there are too few true picks of a kind for a mean.
    """
    raws = [[dense_answer(model, crop.image, head) for crop in crops] for crops in kinds]

    def offsets(change: NDArray[np.float64]) -> NDArray[np.float64]:
        shift = torch.tensor([0.0, *change], dtype=torch.float32)[:, None, None]
        shifted = ([raw + shift for raw in some] for some in raws)
        return np.stack([mean_offset(*pair, floor) for pair in zip(shifted, kinds, strict=True)])

    change = np.zeros(2)
    before = now = offsets(change)
    for _ in range(_ROUNDS):
        change = change - (now.min(axis=0) + now.max(axis=0)) / 2 / _SLOPE_WPX
        now = offsets(change)
    output = _output_bias(model.head(head))
    with torch.no_grad():
        output[1:] += torch.as_tensor(change, dtype=output.dtype, device=output.device)
    return before, now


def _output_bias(head: Head) -> Tensor:
    bias = head.output.bias
    assert bias is not None
    return bias
