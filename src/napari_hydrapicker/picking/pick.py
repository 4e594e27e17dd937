"""Picking one micrograph by one call, from a notebook or a script."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any, Literal

from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.io.micrograph import MicrographLike, as_micrograph
from napari_hydrapicker.picking.base import Picker, load_picker
from napari_hydrapicker.picking.parameters import NETWORKS, HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks


class PickingWarning(UserWarning):
    """Picks may be poor: what is stated about the particles does not seem to fit."""


def load_network(
    picker: str = "hydra",
    head: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Picker:
    """Load a network once, to pick many micrographs with it.

    Parameters
    ----------
    picker : "hydra" or "cgan"
        HydraPicker's network, or the cGAN picker, which was trained without any particle image.
    head : str or path, optional
        HydraPicker's head: "generic", the default, one that you keep (`finetune`), by name, or a head's
        file.
    weights : path, optional
        File of the network, or of the cGAN picker's generator, or the name of a generator that you keep; by
        default those that come with the package.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Returns
    -------
    HydraNetPicker or CGanPicker
        To be given to `pick` as `network`. Its `threshold` is the score from which on picks are kept by
        default.

    Raises
    ------
    ParameterError
        If there is no such picker, head, generator or device.
    WeightsError
        If a file is none of ours or is damaged, or the head belongs to another network.

    Examples
    --------
    >>> network = load_network(device="cpu")
    >>> network.head, 0 < network.threshold < 1
    ('generic', True)
    """
    kind = NETWORKS.get(picker)
    if kind is None:
        raise ParameterError(f"`picker`: {picker!r} is not one of {', '.join(NETWORKS)}")
    given: dict[str, Any] = {
        name: os.fspath(value) for name, value in (("head", head), ("weights", weights)) if value is not None
    }
    for name in given:
        if name not in kind.model_fields:
            raise ParameterError(f"`{name}`: the {kind.label} picker has none; leave it out")
    return load_picker(kind(**given), device)


def pick(
    micrograph: MicrographLike,
    diameter_angstrom: float,
    pixel_size_angstrom: float | None = None,
    *,
    network: Picker | None = None,
    picker: str | None = None,
    head: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str | None = None,
    threshold: float | None = None,
    border_angstrom: float | None = None,
    use_mask: bool = True,
    contrast: Literal["auto", "dark", "light"] = "auto",
    quality: Literal["fast", "best"] = "fast",
    min_distance_angstrom: float | None = None,
) -> Picks:
    """Pick the particles on one micrograph.

    Parameters
    ----------
    micrograph : Micrograph, path, napari image layer, or array_like of shape (H, W)
        What to pick.
    diameter_angstrom : float
        The particle's longest diameter: the one number worth some care.
    pixel_size_angstrom : float, optional
        Angstrom per pixel. An array needs it; otherwise it takes precedence over what the file or layer
        states.
    network : HydraNetPicker or CGanPicker, optional
        As `load_network` returns it, to pick several micrographs with one. Without it a network is loaded,
        which takes longer than picking.
    picker, head, weights, device : optional
        Which network to load: see `load_network`.
    threshold : float, optional
        Least score to keep, 0 to 1. By default the network's own; 0 keeps all candidates, which
        `evaluate` wants.
    border_angstrom : float, optional
        Leave out centres nearer than this to an edge; half the diameter by default, 0 keeps all.
    use_mask : bool
        Leave out carbon film, bad ice and blank areas.
    contrast : "auto", "dark" or "light"
        Whether particles are darker or lighter than the background. To find out takes a second look; give
        it if you know it. The cGAN picker knows dark particles only.
    quality : "fast" or "best"
        "best" averages over flips and quarter turns, at eight times the cost; HydraPicker's network only.
    min_distance_angstrom : float, optional
        Of two picks nearer than this the less probable is left out; a third of the diameter by default.

    Returns
    -------
    Picks
        By falling score. Centres are (row, column) in pixels of the micrograph, scores the probability of a
        particle.

    Raises
    ------
    ParameterError
        If a parameter is missing, out of its range, or contradicts another.
    MicrographError
        If the micrograph cannot be read, is no micrograph, or has no contrast.
    WeightsError
        If the network cannot be loaded.
    OutOfMemoryError
        If the work does not fit into memory.

    Warns
    -----
    PickingWarning
        If the particles seem to be light, or the head was trained at another diameter.

    Examples
    --------
    >>> from napari_hydrapicker import simulate
    >>> made = simulate(shape=(300, 480), seed=1)
    >>> picks = pick(made.image, diameter_angstrom=180, pixel_size_angstrom=3.0, contrast="dark")
    >>> len(picks) > 0
    True
    """
    parameters = PickParameters(
        diameter_angstrom=diameter_angstrom,
        border_angstrom=border_angstrom,
        min_distance_angstrom=min_distance_angstrom,
        use_mask=use_mask,
    )
    spec = HydraSpec(contrast=contrast, quality=quality)
    check_positive(pixel_size_angstrom=pixel_size_angstrom)
    if threshold is not None and not 0 <= threshold <= 1:
        raise ParameterError(f"`threshold`: {threshold} is not a number from 0 to 1")
    opened = as_micrograph(micrograph, pixel_size_angstrom)
    if opened.pixel_size_angstrom is None:
        raise ParameterError(f"`pixel_size_angstrom`: {opened.path} does not state it; give it in Angstrom")
    chosen = {"picker": picker, "head": head, "weights": weights, "device": device}
    if network is None:
        network = load_network(picker or "hydra", head, weights, device or "auto")
    elif given := [name for name, value in chosen.items() if value is not None]:
        raise ParameterError(f"`{given[0]}`: the network is loaded already; give it to load_network")

    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.survey import look_first

    if isinstance(network, HydraNetPicker):
        network = replace(network, quality=spec.quality)
    elif contrast == "light" or quality == "best":
        name, value = ("contrast", contrast) if contrast == "light" else ("quality", quality)
        raise ParameterError(f"`{name}`: {value!r} is for HydraPicker's network alone; leave it out")
    seen = look_first(network, [opened], diameter_angstrom, spec.known_contrast)
    for remark in seen.remarks:
        warnings.warn(f"{opened.path}: {remark}", PickingWarning, stacklevel=2)
    found = seen.picker.pick_micrograph(opened, parameters)
    return found.above(network.threshold if threshold is None else threshold)
