"""The HydraPicker network as a picker: from a micrograph to particle centres with probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError, WeightsError, is_out_of_memory
from napari_hydrapicker.hydra import weights as network_file
from napari_hydrapicker.hydra.anchors import CELL_WPX, decode
from napari_hydrapicker.hydra.device import choose_device, precision
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.hydra.weights import Metadata, attach, load_head
from napari_hydrapicker.imaging.augment import TURNS, turn
from napari_hydrapicker.imaging.normalise import pad_with_noise
from napari_hydrapicker.imaging.prepare import Prepared, network_input, prepare
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.base import MIN_SCORE, Candidates, kept
from napari_hydrapicker.picking.library import SUFFIX
from napari_hydrapicker.picking.model_files import model_files
from napari_hydrapicker.picking.parameters import Contrast, HydraSpec, PickParameters, Quality
from napari_hydrapicker.picks import Picks

STRIDE_WPX = 8
MARGIN_WPX = 144  # the bundled network sees 132 wpx in each direction, the thesis' 45; multiple of a cell
MIN_TILE_WPX = 320
MAX_TILE_WPX = 2048  # larger images are tiled from the start

Prediction = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Logits ``(h, w)`` and centres ``(h, w, 2)`` in working pixels, of the cells of an image."""
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Span:
    """A tile along one axis: what the network is shown, and the part of its answer that is used."""

    start: int
    stop: int
    own_start: int
    own_stop: int


def spans(length_wpx: int, tile_wpx: int) -> list[Span]:
    """Cover an axis with tiles that overlap by at least twice `MARGIN_WPX`; all are equally long.

    Lengths are multiples of 16, so that the cells of a tile are cells of the whole.
    """
    if length_wpx <= tile_wpx:
        return [Span(0, length_wpx, 0, length_wpx)]
    found: list[Span] = []
    start = own_start = 0
    while own_start < length_wpx:
        start = min(start, length_wpx - tile_wpx)
        stop = start + tile_wpx
        own_stop = length_wpx if stop == length_wpx else stop - MARGIN_WPX
        found.append(Span(start, stop, own_start, own_stop))
        own_start, start = own_stop, start + tile_wpx - 2 * MARGIN_WPX
    return found


def check_tile(tile_wpx: int | None) -> None:
    """Refuse tiles that are too small or do not fit the grid of cells.

    Raises
    ------
    ParameterError
        If the tile is not a multiple of 16 of at least `MIN_TILE_WPX` working pixels.
    """
    if tile_wpx is not None and (tile_wpx < MIN_TILE_WPX or tile_wpx % CELL_WPX):
        raise ParameterError(
            f"a tile of {tile_wpx} working pixels: give a multiple of {CELL_WPX} from {MIN_TILE_WPX} on"
        )


def predict(
    model: HydraPicker, image: NDArray[np.float32], head: str, tile_wpx: int | None = None
) -> tuple[Tensor, int | None]:
    """Raw dense answer of a head, whole or in tiles; tiles are halved for as long as memory is short.

    Parameters
    ----------
    model
        In evaluation mode, on its device.
    image
        ``(H, W)`` padded to multiples of 16 working pixels.
    tile_wpx
        Side of the tiles; None for the whole image up to `MAX_TILE_WPX` squared.

    Returns
    -------
    raw, tile_wpx
        ``(1, 3, H/8, W/8)`` float32 on the CPU, and the tile that fitted: None for the whole image.

    Raises
    ------
    OutOfMemoryError
        If not even tiles of `MIN_TILE_WPX` fit.
    """
    check_tile(tile_wpx)
    if tile_wpx is None and image.size > MAX_TILE_WPX**2:
        tile_wpx = MAX_TILE_WPX
    while True:
        try:
            return _in_tiles(model, image, head, tile_wpx), tile_wpx
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, whose traceback would keep the tensors of the failed try alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        tile_wpx = _smaller(min(tile_wpx or MAX_TILE_WPX, max(image.shape)))


def _smaller(tile_wpx: int) -> int:
    half = tile_wpx // 2 // CELL_WPX * CELL_WPX
    if half >= MIN_TILE_WPX:
        return half
    if tile_wpx > MIN_TILE_WPX:
        return MIN_TILE_WPX
    raise OutOfMemoryError(
        f"picking does not fit into memory, even in tiles of {MIN_TILE_WPX} working pixels: "
        "close other programs, or pick on another device (`device` cpu)"
    )


def _in_tiles(model: HydraPicker, image: NDArray[np.float32], head: str, tile_wpx: int | None) -> Tensor:
    rows, cols = image.shape
    raw = torch.empty((1, 3, rows // STRIDE_WPX, cols // STRIDE_WPX))
    for down in spans(rows, tile_wpx or rows):
        for across in spans(cols, tile_wpx or cols):
            part = _forward(model, image[down.start : down.stop, across.start : across.stop], head)
            raw[..., _cells(down), _cells(across)] = part[..., _cells(down, True), _cells(across, True)]
    return raw


def _cells(span: Span, within_tile: bool = False) -> slice:
    origin = span.start if within_tile else 0
    return slice((span.own_start - origin) // STRIDE_WPX, (span.own_stop - origin) // STRIDE_WPX)


def _forward(model: HydraPicker, image: NDArray[np.float32], head: str) -> Tensor:
    device = next(model.parameters()).device
    images = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device)  # (1, 1, H, W)
    with torch.inference_mode(), precision(device):
        raw: Tensor = model(images.contiguous(memory_format=torch.channels_last), head)
        return raw.float().cpu()


def averaged_over_turns(
    predict: Callable[[NDArray[np.float32]], Prediction],
    image: NDArray[np.float32],
    first: Prediction | None = None,
) -> Prediction:
    """Mean of the answers for all turns of an image, as those of the image itself.

    Parameters
    ----------
    predict
        Answers for an image whose sides are multiples of 16.
    image
        ``(H, W)``.
    first
        The answer for the image as it is, where it is known.

    Returns
    -------
    logits, centres
        ``(H/8, W/8)`` and ``(H/8, W/8, 2)``. The outermost row and column of cells, whose centres lie beyond
        the image, have no counterpart on a flipped one: there it is the image's own answer alone.
    """
    logits, centres = first or predict(image)
    sums = [logits[:-1, :-1].copy(), centres[:-1, :-1].copy()]
    for which in range(1, TURNS):
        turned, _ = turn(image, (), which)
        sums = [
            total + part
            for total, part in zip(sums, _turned_back(predict(turned), turned.shape, which), strict=True)
        ]
    made = logits.copy(), centres.copy()
    for whole, total in zip(made, sums, strict=True):
        whole[:-1, :-1] = total / TURNS
    return made


def _turned_back(answer: Prediction, shape: tuple[int, ...], which: int) -> Prediction:
    """Undo `turns.turn` on all cells but the last row and column, among which it exchanges the places."""
    logits, centres = (part[:-1, :-1] for part in answer)
    for axis in (0, 1):
        if which & (1 << axis):
            logits, centres = np.flip(logits, axis), np.flip(centres, axis).copy()
            centres[..., axis] = shape[axis] - 1 - centres[..., axis]
    if which & 4:
        logits, centres = logits.T, centres.transpose(1, 0, 2)[..., ::-1]
    return logits, centres


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """What the network is shown of a prepared micrograph.

    Attributes
    ----------
    prepared : Prepared
        The micrograph at the working scale.
    image : ndarray of float32, shape (H, W)
        Whitened, without what is masked, padded to multiples of 16 working pixels.
    offset_wpx : (int, int)
        (row, column) of the working image's first pixel in `image`.
    """

    prepared: Prepared
    image: NDArray[np.float32]
    offset_wpx: tuple[int, int]


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
    def load(cls, spec: HydraSpec | None = None, device: str = "auto") -> Self:
        """Read the network of a specification, the bundled one by default, and bring it to a device.

        Parameters
        ----------
        spec
            The network, its head, and how it picks. A contrast that is to be found out is taken for dark.
        device
            "auto", "cpu", "cuda" or "mps".

        Raises
        ------
        WeightsError
            If a file is none of ours or is damaged, or the head belongs to another network.
        ParameterError
            If there is no such head or device, or tiles cannot have this size.
        """
        spec = spec or HydraSpec()
        target = choose_device(device)
        path, head_path = model_files(spec)
        assert path is not None  # a network is always in a file
        head, trained_at = spec.head, None
        model, metadata = network_file.load(path, [head] if head_path is None else [])
        if head_path is not None:
            made, record = load_head(head_path)
            if not head.endswith(SUFFIX):  # in a library it is called as its file is
                record = record.model_copy(update={"name": head})
            attach(model, made, record)
            metadata, head = metadata.with_head(record), record.name
            trained_at = record.diameter_angstrom
        model = model.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        contrast = spec.known_contrast or "dark"
        return cls(model, metadata, head, spec.tile_wpx, spec.quality, contrast, trained_at)

    @property
    def threshold(self) -> float:
        """Probability from which on picks are shown by default."""
        thresholds = self.metadata.thresholds
        return thresholds.get(self.head, thresholds.get(GENERIC, DEFAULT_THRESHOLD))

    @property
    def device(self) -> str:
        """What the network computes on."""
        return str(next(self.model.parameters()).device)

    def pick_micrograph(
        self, micrograph: Micrograph, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Read and pick a micrograph, in tiles if memory is short: see `Picker.pick_micrograph`."""
        return self.pick_prepared(self.prepare_micrograph(micrograph, parameters), parameters, floor)

    def prepare_micrograph(self, micrograph: Micrograph, parameters: PickParameters) -> NetworkInput:
        """Do what can be done without the network, in any thread: see `batch.StagedPicker`."""
        light = self.contrast == "light"
        prepared = prepare(
            micrograph, parameters.diameter_angstrom, use_mask=parameters.use_mask, light=light
        )
        return self._input(prepared)

    def pick_prepared(
        self, prepared: NetworkInput, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Pick what `prepare_micrograph` has returned; together they are `pick_micrograph`."""
        candidates = self._candidates(prepared)
        return kept(candidates, parameters, prepared.prepared.pixel_size_angstrom, floor)

    def candidates(self, prepared: Prepared) -> Candidates:
        """Return what the cells of a prepared micrograph say: each has a centre and a probability.

        Raises
        ------
        OutOfMemoryError
            If not even the smallest tiles fit into memory.
        """
        return self._candidates(self._input(prepared))

    def _input(self, prepared: Prepared) -> NetworkInput:
        image = network_input(prepared.image, prepared.mask, self._whiten)
        padded, offset = pad_with_noise(image, multiple=16, margin_wpx=0)
        return NetworkInput(prepared, padded, offset)

    def _candidates(self, shown: NetworkInput) -> Candidates:
        logits, centres = self._predict(shown.image)
        if self.quality == "best":
            logits, centres = averaged_over_turns(self._predict, shown.image, (logits, centres))
        yx_wpx = centres.reshape(-1, 2) - shown.offset_wpx
        return Candidates(shown.prepared, yx_wpx, self._probability(logits.reshape(-1)))

    def _predict(self, image: NDArray[np.float32]) -> Prediction:
        raw, self._fitting_tile = predict(self.model, image, self.head, self._fitting_tile)
        logits, centres = decode(raw, STRIDE_WPX)
        return logits[0].numpy().astype(np.float64), centres[0].numpy().astype(np.float64)

    def _probability(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        known = self.metadata.calibration
        slope, intercept = known.get(self.head, known.get(GENERIC, (1.0, 0.0)))
        return np.asarray(expit(slope * logit + intercept))


load = HydraNetPicker.load
