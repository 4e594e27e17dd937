"""One head's answer for a whole micrograph: in one piece, or in overlapping tiles where memory is short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.device import is_out_of_memory, precision
from napari_hydrapicker.hydra.model import HydraPicker

STRIDE_WPX = 8
MARGIN_WPX = 112  # the compact network sees 100 wpx in each direction, the thesis' 45; multiple of a cell
MIN_TILE_WPX = 256
MAX_TILE_WPX = 2048  # larger images are tiled from the start


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
        If the tile is not a multiple of 16 of at least 256 working pixels.
    """
    if tile_wpx is not None and (tile_wpx < MIN_TILE_WPX or tile_wpx % CELL_WPX):
        raise ParameterError(
            f"a tile of {tile_wpx} working pixels: give a multiple of {CELL_WPX} from {MIN_TILE_WPX} on"
        )


def answer(
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
        "close other programs, or pick on another device (--device cpu)"
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
