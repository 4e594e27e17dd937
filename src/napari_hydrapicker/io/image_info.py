"""What all micrograph readers share: the description of a file, its limits and its warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import MicrographError

MAX_SIDE_PX = 2**16
MAX_FRAME_PIXELS = 2**28
MAX_FRAMES = 2**16
_PIXEL_SIZE_RANGE_ANGSTROM = (0.1, 50.0)


class MicrographWarning(UserWarning):
    """A micrograph can be read, but its file breaks the rules of its format."""


@dataclass(frozen=True)
class FileInfo:
    """What a file says about its micrographs before any pixel is read.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of each micrograph, pixels.
    pixel_size_angstrom : float or None
        None where the file states none, or one that cannot be true.
    n_frames : int
        Number of micrographs in the file.
    problems : tuple of str
        What is wrong with the file though it can be read; ends up in `MicrographWarning`.
    """

    shape: tuple[int, int]
    pixel_size_angstrom: float | None = None
    n_frames: int = 1
    problems: tuple[str, ...] = ()


def plausible_pixel_size(angstrom: float) -> float | None:
    """Return a pixel size in Angstrom, or None where no micrograph can have it (0, NaN, 1e6)."""
    low, high = _PIXEL_SIZE_RANGE_ANGSTROM
    # Six digits: headers keep 4-byte floats, and 1.77 should not come back as 1.7699999809.
    return float(f"{angstrom:.6g}") if math.isfinite(angstrom) and low <= angstrom <= high else None


def unlike_pixels(x: float, y: float) -> str:
    """Say that pixels are not square: their sides along x and y, Angstrom."""
    return (
        f"the file states {x:g} A a pixel along x, but {y:g} A along y, so that neither is taken; correct "
        "the "
        "image's distortion, or give the pixel size"
    )


def check_shape(path: Path, rows: int, cols: int) -> None:
    """Refuse images too large to be micrographs, before anything is allocated for them.

    Raises
    ------
    MicrographError
        If a side is under 1 or over `MAX_SIDE_PX`, or the area is over `MAX_FRAME_PIXELS`.
    """
    if not (1 <= rows <= MAX_SIDE_PX and 1 <= cols <= MAX_SIDE_PX) or rows * cols > MAX_FRAME_PIXELS:
        raise MicrographError(
            f"{path}: the header declares {rows} x {cols} pixels, which no micrograph has; "
            "the file is damaged or is not a micrograph"
        )


def movie_error(path: Path, n_frames: int) -> MicrographError:
    """Build the error for a file of many images that is not declared to be a stack of micrographs."""
    return MicrographError(
        f"{path}: holds {n_frames} images, so it is probably a movie: correct its motion and sum it first "
        "(for instance with MotionCor or RELION), then pick on the sum. If its images are separate "
        "micrographs, store them as an MRC stack named .mrcs"
    )
