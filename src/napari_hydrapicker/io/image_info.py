"""What all micrograph readers share: the description of a file, its limits and its warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.wording import counted

MAX_SIDE_PX = 2**16
MAX_FRAME_PIXELS = 2**28
MAX_FRAMES = 2**16
_PIXEL_SIZE_RANGE_ANGSTROM = (0.1, 50.0)
_PIXELS_ALIKE = 0.01


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
    refused_pixel_size : str
        What the file states of a pixel size that is not taken; "" where it states none.
    """

    shape: tuple[int, int]
    pixel_size_angstrom: float | None = None
    n_frames: int = 1
    problems: tuple[str, ...] = ()
    refused_pixel_size: str = ""


@dataclass(frozen=True)
class ListedFigures:
    """What another program's list states of one micrograph's image; None where it does not.

    Attributes
    ----------
    defocus_um : float or None
        Mean underfocus, micrometres.
    ctf_resolution_angstrom : float or None
        To which the estimated contrast transfer fits.
    astigmatism_angstrom : float or None
        Largest underfocus less the smallest.
    ice : float or None
        How thick or crystalline the ice is, in the measure of the program: RELION's density of the ice ring,
        cryoSPARC's relative thickness. They are to be compared within one list alone.
    """

    defocus_um: float | None = None
    ctf_resolution_angstrom: float | None = None
    astigmatism_angstrom: float | None = None
    ice: float | None = None

    def __bool__(self) -> bool:
        return self != ListedFigures()


def plausible_pixel_size(angstrom: float) -> float | None:
    """Return a pixel size in Angstrom, or None where no micrograph can have it (0, NaN, 1e6)."""
    low, high = _PIXEL_SIZE_RANGE_ANGSTROM
    # Six digits: headers keep 4-byte floats, and 1.77 should not come back as 1.7699999809.
    return float(f"{angstrom:.6g}") if math.isfinite(angstrom) and low <= angstrom <= high else None


def pixel_size_of(x: float, y: float) -> tuple[float | None, str]:
    """Return the pixel size of a file that states `x` and `y`, Angstrom; NaN or 0 where it does not.

    Returns
    -------
    size : float or None
        None where none is stated, or what is stated cannot be taken.
    refused : str
        What is stated, if it cannot be taken; "" otherwise.
    """
    stated = [size for size in (x, y) if math.isfinite(size) and size > 0]
    absurd = [size for size in stated if plausible_pixel_size(size) is None]
    if absurd:
        return None, f"the file states {absurd[0]:g} A a pixel, which no micrograph has"
    if len(stated) < 2:
        return None, "the file states a pixel size along one axis alone" if stated else ""
    if abs(x - y) > _PIXELS_ALIKE * x:
        return None, f"the file states {x:.6g} A a pixel along x, but {y:.6g} A along y"
    return plausible_pixel_size(x), ""


def unlike_pixels(refused: str) -> tuple[str, ...]:
    """Return what a user has to be told at once of a pixel size that is not taken: that pixels are not
    square."""
    if "along y" not in refused:
        return ()
    return (f"{refused}, so that neither is taken; correct the image's distortion, or give the pixel size",)


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
        f"{path}: holds {counted(n_frames, 'image')}, so it is probably a movie: correct its motion and "
        "sum it first "
        "(for instance with MotionCor or RELION), then pick on the sum. If its images are separate "
        "micrographs, store them as an MRC stack named .mrcs"
    )
