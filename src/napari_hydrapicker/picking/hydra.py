"""The HydraPicker network as a picker: from a micrograph to particle centres with probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.heads.library import SUFFIX, HeadLibrary, find, user_library
from napari_hydrapicker.heads.record import HeadRecord
from napari_hydrapicker.hydra import weights as network_file
from napari_hydrapicker.hydra.anchors import decode
from napari_hydrapicker.hydra.device import choose_device
from napari_hydrapicker.hydra.head import Head
from napari_hydrapicker.hydra.head_file import attach, load_head
from napari_hydrapicker.hydra.metadata import Metadata
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.imaging.network_input import network_input
from napari_hydrapicker.imaging.padding import pad_with_noise
from napari_hydrapicker.imaging.prepare import Prepared, prepare
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picking.dense import STRIDE_WPX, answer, check_tile
from napari_hydrapicker.picking.picker import FLOOR, check_lengths, inside, usable
from napari_hydrapicker.picking.suppress import SUPPRESSION_WPX, suppress
from napari_hydrapicker.picking.turned import Answer, averaged_over_turns
from napari_hydrapicker.picks import Picks

DEFAULT_THRESHOLD = 0.5
Quality = Literal["fast", "best"]
Contrast = Literal["dark", "light"]


@dataclass(eq=False)
class HydraNetPicker:
    """Picks with one head of a network.

    Attributes
    ----------
    model : HydraPicker
        In evaluation mode, on the device to compute on.
    metadata : Metadata
        What the network's file says about it.
    head : str
        The head that answers.
    tile_wpx : int or None
        Side of the tiles, working pixels, a multiple of 16; None: as large as memory allows.
    quality : "fast" or "best"
        With "best" the answers for all eight flips and quarter turns are averaged, at eight times the cost.
    contrast : "dark" or "light"
        Whether particles are darker or lighter than the background.
    head_diameter_angstrom : float or None
        Diameter that the head was trained at, where it is a kept one: it is at home there.

    Raises
    ------
    ParameterError
        If there is no such head, or tiles cannot have this size.
    WeightsError
        If the file asks for a pre-processing that is not known here.
    """

    model: HydraPicker
    metadata: Metadata
    head: str = GENERIC
    tile_wpx: int | None = None
    quality: Quality = "fast"
    contrast: Contrast = "dark"
    head_diameter_angstrom: float | None = None
    _fitting_tile: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.model.head(self.head)
        check_tile(self.tile_wpx)
        self._fitting_tile = self.tile_wpx
        strength = self.metadata.preprocessing.get("whiten", 0.0)
        if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
            raise WeightsError(
                f"the network asks for whitening of strength {strength!r}, not 0..1: choose another network"
            )
        self._whiten = float(strength)

    @classmethod
    def load(
        cls,
        weights: Path | None = None,
        head: str = GENERIC,
        device: str = "auto",
        tile_wpx: int | None = None,
        libraries: Sequence[HeadLibrary] = (),
        quality: Quality = "fast",
        contrast: Contrast = "dark",
    ) -> Self:
        """Read a network, the bundled one by default, and bring it to a device.

        Parameters
        ----------
        weights
            File of the network.
        head
            One of the network's own, one kept in a library, or a head's file (``*.safetensors``).
        device
            "auto", "cpu", "cuda" or "mps".
        tile_wpx
            Side of the tiles, working pixels.
        libraries
            Searched for the head before the user's own.
        quality, contrast
            As of the picker.

        Raises
        ------
        WeightsError
            If a file is none of ours or is damaged, or the head belongs to another network.
        ParameterError
            If there is no such head or device, or tiles cannot have this size.
        """
        target = choose_device(device)
        path = network_file.bundled_path() if weights is None else Path(weights)
        own = network_file.read_metadata(path).heads
        trained_at = None
        if head in own:
            model, metadata = network_file.load(path, [head])
        else:
            made, record = _kept_head(head, own, [*libraries, user_library()])
            model, metadata = network_file.load(path, [])
            attach(model, made, record)
            metadata, head = metadata.with_head(record), record.name
            trained_at = record.diameter_angstrom
        model = model.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(model, metadata, head, tile_wpx, quality, contrast, trained_at)

    @property
    def threshold(self) -> float:
        """Probability from which on picks are shown by default."""
        thresholds = self.metadata.thresholds
        return thresholds.get(self.head, thresholds.get(GENERIC, DEFAULT_THRESHOLD))

    def pick_micrograph(
        self,
        micrograph: Micrograph,
        diameter_angstrom: float,
        pixel_size_angstrom: float | None = None,
        border_angstrom: float | None = None,
        use_mask: bool = True,
        floor: float = FLOOR,
        min_distance_angstrom: float | None = None,
    ) -> Picks:
        """Read and pick a micrograph, in tiles if memory is short: see `Picker.pick_micrograph`."""
        light = self.contrast == "light"
        prepared = prepare(micrograph, diameter_angstrom, pixel_size_angstrom, use_mask, light)
        pixel_size = prepared.pixel_size_angstrom
        border_px = (diameter_angstrom / 2 if border_angstrom is None else border_angstrom) / pixel_size
        distance_wpx = SUPPRESSION_WPX
        if min_distance_angstrom is not None:
            distance_wpx = min_distance_angstrom * DIAMETER_WPX / diameter_angstrom
        return self.pick(prepared, diameter_angstrom / pixel_size, border_px, floor, distance_wpx)

    def pick(
        self,
        prepared: Prepared,
        diameter_px: float | None = None,
        border_px: float = 0.0,
        floor: float = FLOOR,
        min_distance_wpx: float = SUPPRESSION_WPX,
    ) -> Picks:
        """Pick a prepared micrograph; as `pick_micrograph`, with lengths in micrograph pixels.

        `diameter_px` goes into the picks; by default it follows from the working scale.
        """
        check_lengths(border_px, min_distance_wpx)
        logit, yx_wpx = self._candidates(prepared)
        probability = self._probability(logit)
        yx_px = prepared.to_px(yx_wpx)
        keep = (probability >= floor) & inside(yx_px, prepared.shape_px, border_px)
        keep[keep] &= usable(yx_wpx[keep], prepared.mask)
        logit, yx_wpx, yx_px, probability = logit[keep], yx_wpx[keep], yx_px[keep], probability[keep]
        best = suppress(yx_wpx, logit, min_distance_wpx)
        if diameter_px is None:
            diameter_px = DIAMETER_WPX * prepared.shape_px[0] / prepared.shape_wpx[0]
        return Picks(yx_px[best], probability[best].astype(np.float32), diameter_px=diameter_px)

    def _candidates(self, prepared: Prepared) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits (N,) and centres (N, 2) in working pixels of all cells."""
        image = network_input(prepared.image, prepared.mask, self._whiten)
        padded, offset = pad_with_noise(image, multiple=16, margin_wpx=0)
        logits, centres = self._answer(padded)
        if self.quality == "best":
            logits, centres = averaged_over_turns(self._answer, padded, (logits, centres))
        return logits.reshape(-1), centres.reshape(-1, 2) - offset

    def _answer(self, image: NDArray[np.float32]) -> Answer:
        raw, self._fitting_tile = answer(self.model, image, self.head, self._fitting_tile)
        logits, centres = decode(raw, STRIDE_WPX)
        return logits[0].numpy().astype(np.float64), centres[0].numpy().astype(np.float64)

    def _probability(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        known = self.metadata.calibration
        slope, intercept = known.get(self.head, known.get(GENERIC, (1.0, 0.0)))
        # The sigmoid written as tanh does not overflow.
        return np.asarray(0.5 + 0.5 * np.tanh((slope * logit + intercept) / 2))


def _kept_head(head: str, own: Sequence[str], libraries: Sequence[HeadLibrary]) -> tuple[Head, HeadRecord]:
    """Read a head from its file or from the first library that has it."""
    if head.endswith(SUFFIX):
        return load_head(Path(head))
    library = find(head, libraries)
    if library is None:
        kept = {name: None for library in libraries for name in library.names()}
        known = ", ".join((*own, *kept))
        raise ParameterError(f"There is no head called {head!r}. Choose one of: {known}.")
    return library.load(head)
