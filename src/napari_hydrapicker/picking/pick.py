"""Picking one micrograph by one call, from a notebook or a script."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.hydra.head_record import GENERIC
from napari_hydrapicker.io.micrograph import MicrographLike, as_micrograph
from napari_hydrapicker.picking.model_files import find_generator, user_generators
from napari_hydrapicker.picks import Picks

if TYPE_CHECKING:
    from napari_hydrapicker.picking.cgan import CGanPicker
    from napari_hydrapicker.picking.hydra import HydraNetPicker


Network: TypeAlias = "HydraNetPicker | CGanPicker"
_PICKERS = ("hydra", "cgan")
_CONTRASTS = ("auto", "dark", "light")
_QUALITIES = ("fast", "best")


class PickingWarning(UserWarning):
    """Picks may be poor: what is stated about the particles does not seem to fit."""


def load_network(
    picker: Literal["hydra", "cgan"] = "hydra",
    head: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Network:
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
    _check_choice("picker", picker, _PICKERS)
    if picker == "cgan":
        if head is not None:
            raise ParameterError("`head`: the cGAN picker has none; leave it out")
        from napari_hydrapicker.picking.cgan import CGanPicker

        return CGanPicker.load(_generator(weights), device)
    from napari_hydrapicker.picking.hydra import HydraNetPicker

    file = None if weights is None else Path(weights)
    return HydraNetPicker.load(file, GENERIC if head is None else os.fspath(head), device)


def pick(
    micrograph: MicrographLike,
    diameter_angstrom: float,
    pixel_size_angstrom: float | None = None,
    *,
    network: Network | None = None,
    picker: Literal["hydra", "cgan"] | None = None,
    head: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str | None = None,
    threshold: float | None = None,
    border_angstrom: float | None = None,
    use_mask: bool = True,
    contrast: Literal["auto", "dark", "light"] = "auto",
    quality: Literal["fast", "best"] = "fast",
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
    check_positive(diameter_angstrom=diameter_angstrom, pixel_size_angstrom=pixel_size_angstrom)
    _check_choice("contrast", contrast, _CONTRASTS)
    _check_choice("quality", quality, _QUALITIES)
    if threshold is not None and not 0 <= threshold <= 1:
        raise ParameterError(f"`threshold`: {threshold} is not a number from 0 to 1")
    if border_angstrom is not None and not (math.isfinite(border_angstrom) and border_angstrom >= 0):
        raise ParameterError(f"`border_angstrom`: {border_angstrom} is not 0 or more")
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
        known = None if contrast == "auto" else contrast
        seen = look_first(replace(network, quality=quality), [opened], diameter_angstrom, contrast=known)
        for remark in seen.remarks:
            warnings.warn(f"{opened.path}: {remark}", PickingWarning, stacklevel=2)
        network = seen.picker
    elif contrast == "light" or quality == "best":
        name, value = ("contrast", contrast) if contrast == "light" else ("quality", quality)
        raise ParameterError(f"`{name}`: {value!r} is not for the cGAN picker; leave it out")
    found = network.pick_micrograph(
        opened, diameter_angstrom, border_angstrom=border_angstrom, use_mask=use_mask
    )
    return found.above(network.threshold if threshold is None else threshold)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ParameterError(f"`{name}`: {value!r} is not one of {', '.join(choices)}")


def _generator(weights: str | os.PathLike[str] | None) -> Path | None:
    """File of a generator, which may be named as it is kept."""
    if weights is None:
        return None
    path = Path(weights)
    return path if path.suffix or path.exists() else find_generator(str(path), [user_generators()])
