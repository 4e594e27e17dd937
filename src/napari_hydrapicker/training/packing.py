"""A trained network in a small file: what it has beyond the network that its training started from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra import container
from napari_hydrapicker.hydra.body_steps import body_from_steps, body_steps
from napari_hydrapicker.hydra.head_difference import smallest_difference
from napari_hydrapicker.hydra.low_rank import restored
from napari_hydrapicker.hydra.metadata import FORMAT, Base, Metadata
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.hydra.network_difference import NetworkDifference
from napari_hydrapicker.hydra.weights import load, read_metadata, save, stored

GENERIC_TOLERANCE = 4e-2

Images = Sequence[NDArray[np.float32]]


def pack(
    model: HydraPicker,
    metadata: Metadata,
    base: Path,
    images: Images,
    path: Path,
    tolerance: float = GENERIC_TOLERANCE,
) -> Metadata:
    """Save a network as its changes to another network.

    The body is stored in steps of a byte, the generic head by matrices of low rank, which may change its
    scores on `images` by up to `tolerance`; the other heads change by as much. The network becomes what will
    be read from the file, save that the other heads are stored as differences from that generic head, as by
    `head_differences`, which change no score by more than 0.001.

    Parameters
    ----------
    model
        The network, on the CPU, in single precision and evaluation mode; changed to what the file says.
    metadata
        What to say about it, to which the base's history is added; its calibration turns logits into scores.
    base
        File of the network that the training started from. It must be there, beside `path` or in the
        package, whenever `path` is read.
    images
        ``(H, W)``, as the network takes them.
    path
        File to write.

    Returns
    -------
    Metadata
        What was written.

    Raises
    ------
    WeightsError
        If the base cannot be read, or the file cannot be written.
    ParameterError
        If the base is stored as changes itself, has other sizes, or differs too much.
    """
    if read_metadata(base).base is not None:
        raise ParameterError(f"{base}: it holds changes to another itself. Choose one that is stored whole.")
    start, about = load(base, [])
    if about.architecture != model.architecture:
        raise ParameterError(f"{base}: it has layers of other sizes. Choose the network trained from.")
    theirs = _halves(start.body)
    steps = body_steps(_halves(model.body), theirs)
    _set(model.body, body_from_steps(steps, theirs))
    score = _score(metadata.calibration[GENERIC])
    factors = smallest_difference(model.head(), start.head(), _features(model, images), score, tolerance)
    if factors is None:
        raise ParameterError(f"{base}: the generic heads differ too much. Save the network whole.")
    generic = restored(factors, _halves(start.head()))
    _move_heads(model, {name: tensor.half() for name, tensor in generic.items()})
    origin = Base(file=base.name, sha256=container.read_header(base, FORMAT)["sha256"])
    heads = head_differences(model, {GENERIC: images}, metadata.calibration)
    history = {**metadata.training, "before": about.training}
    metadata = metadata.model_copy(update={"training": history})
    return save(model, path, metadata, heads, NetworkDifference(origin, steps, factors))


def head_differences(
    model: HydraPicker, images: Mapping[str, Images], calibration: Mapping[str, tuple[float, float]]
) -> dict[str, dict[str, Tensor]]:
    """Heads as differences from the generic one, where that is much smaller.

    Parameters
    ----------
    model
        On the CPU, in single precision and evaluation mode.
    images
        ``(H, W)`` images on which a head's scores are compared, by head; those under "generic" for all.
    calibration
        Of every head.

    Returns
    -------
    dict
        By head, for `save`; heads without an image to compare on, or too different, are left out.
    """
    unseen = _features(model, images.get(GENERIC, ()))
    made = {}
    for name in model.head_names[1:]:
        compared = [*_features(model, images.get(name, ())), *unseen]
        if compared:
            score = _score(calibration[name])
            made[name] = smallest_difference(model.head(name), model.head(), compared, score)
    return {name: tensors for name, tensors in made.items() if tensors is not None}


@torch.inference_mode()
def _features(model: HydraPicker, images: Images) -> list[Tensor]:
    return [model.features(torch.from_numpy(image)[None, None]) for image in images]


def _score(calibration: tuple[float, float]) -> Callable[[Tensor], Tensor]:
    a, b = calibration
    return lambda logits: torch.sigmoid(a * logits + b)


def _halves(module: nn.Module) -> dict[str, Tensor]:
    return {name: stored(tensor) for name, tensor in module.state_dict().items()}


@torch.no_grad()
def _move_heads(model: HydraPicker, generic: Mapping[str, Tensor]) -> None:
    """Set the generic head, in half precision, and let the others follow: what they add stays of low rank."""
    before = {name: tensor.clone() for name, tensor in model.head().state_dict().items()}
    _set(model.head(), generic)
    for name in model.head_names[1:]:
        own = model.head(name).state_dict()
        _set(model.head(name), {key: own[key] + generic[key] - before[key] for key in own})


def _set(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
