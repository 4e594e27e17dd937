"""One head's answer for a whole micrograph: in one piece, or in overlapping tiles where memory is short."""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_hydrapicker.errors import OutOfMemoryError, ParameterError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.cpu_inference import CpuInference
from napari_hydrapicker.hydra.model import HydraPicker

STRIDE_WPX = 8
MARGIN_WPX = 64  # the network sees 45 wpx in each direction; multiple of a cell
MIN_TILE_WPX = 256
MAX_TILE_WPX = 2048  # larger images are tiled from the start
_State = tuple[object, ...]
_converted: weakref.WeakKeyDictionary[HydraPicker, tuple[_State, CpuInference]] = weakref.WeakKeyDictionary()
_NO_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory",
    "could not create a primitive",  # what oneDNN says then
    "can't start new thread", "resource temporarily unavailable",  # there is no room for its stack
)  # fmt: skip


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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch says so on the CPU in the text only."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)


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
    pixels = torch.from_numpy(np.ascontiguousarray(image))
    if _bfloat16_on_cpu(device) and isinstance(model, HydraPicker) and CpuInference.takes(image.shape):
        return _cpu_inference(model, head)(pixels)
    with torch.inference_mode(), _precision(device):
        images = pixels[None, None].to(device)  # (1, 1, H, W)
        raw: Tensor = model(images.contiguous(memory_format=torch.channels_last), head, dense=True)
        return raw.float().cpu()


def _cpu_inference(model: HydraPicker, head: str) -> CpuInference:
    """The converted network, converted anew whenever a weight has changed since."""
    state = (head, *((p.data_ptr(), 0 if p.is_inference() else p._version) for p in model.parameters()))
    known = _converted.get(model)
    if known is None or known[0] != state:
        known = _converted[model] = state, CpuInference(model, head)
    return known[1]


def _precision(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where the device computes in it, float32 elsewhere."""
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=half)
    if _bfloat16_on_cpu(device):
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def _bfloat16_on_cpu(device: torch.device) -> bool:
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
