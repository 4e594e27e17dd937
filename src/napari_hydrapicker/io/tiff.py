"""TIFF micrographs: grey images of 8 to 64 bits, memory-mapped where they are stored plainly.

A thumbnail beside the image is passed over, and where the tags say that 0 is white, grey levels are turned
over, so that greater always is brighter.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.image_info import FileInfo, check_shape, movie_error, pixel_size_of, unlike_pixels

_EER_COMPRESSIONS = (65000, 65001, 65002)
_DECODED_BY_PILLOW = (5, 7)  # LZW, JPEG
_UNIT_ANGSTROM = {2: 2.54e8, 3: 1e8}  # ResolutionUnit: inch, centimetre
# Units as programs write them into the description: ImageJ, and OME-TIFF.
_NAMED_ANGSTROM = {
    **dict.fromkeys(("a", "å", "\u212b", "\\u00c5", "\\u212b", "angstrom", "angstroms", "ang"), 1.0),
    **dict.fromkeys(("pm", "picometer"), 0.01),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 10.0),
    **dict.fromkeys(("um", "µm", "μm", "\\u00b5m", "\\u03bcm", "micron", "microns", "micrometer"), 1e4),
    **dict.fromkeys(("mm",), 1e7),
    **dict.fromkeys(("cm",), 1e8),
    **dict.fromkeys(("m",), 1e10),
    **dict.fromkeys(("inch", "in"), 2.54e8),
}
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_MOST_PAGES = 16  # an image with its thumbnails has fewer


def eer_error(path: Path) -> MicrographError:
    """Build the error for electron-event recordings, which are movies."""
    return MicrographError(
        f"{path}: an EER movie of single electron events: correct its motion and sum it first "
        "(for instance with RELION or MotionCor3), then pick on the sum"
    )


def probe(path: Path) -> FileInfo:
    """Read a TIFF file's tags.

    Raises
    ------
    MicrographError
        If the file is damaged, a movie, an EER recording or not a grey image.
    """
    with _page(path) as page:
        rows, cols = page.shape
        pixel_size, refused = pixel_size_of(*_stated_sizes(page))
        problems = unlike_pixels(refused)
        return FileInfo((rows, cols), pixel_size, problems=problems, refused_pixel_size=refused)


def read(path: Path, frame: int = 0) -> NDArray[Any]:
    """Return the pixels, shape (H, W); memory-mapped if they are uncompressed and in one piece.

    Raises
    ------
    MicrographError
        As `probe`, and if the pixels cannot be decoded.
    """
    with _page(path) as page:
        if int(page.compression) in _DECODED_BY_PILLOW:
            return _decode(path, page)
        pixels: NDArray[Any]
        if page.is_memmappable:
            dtype = page.dtype.newbyteorder(page.parent.byteorder)
            pixels = np.memmap(path, dtype, "r", page.dataoffsets[0], page.shape).view(np.ndarray)
        else:
            pixels = page.asarray(maxworkers=1)
        return _turned_over(pixels) if _zero_is_white(page) else pixels


def _zero_is_white(page: Any) -> bool:
    return page.photometric is not None and int(page.photometric) == 0


def _turned_over(pixels: NDArray[Any]) -> NDArray[Any]:
    """Exchange light and dark: the ends of the range for integers, the sign for floats."""
    turned: NDArray[Any] = np.invert(pixels) if pixels.dtype.kind in "iu" else np.negative(pixels)
    return turned


def _decode(path: Path, page: Any) -> NDArray[Any]:
    """Decode what tifffile leaves to the package imagecodecs."""
    from PIL import Image

    with Image.open(path, formats=("TIFF",)) as image:
        image.seek(page.index)
        pixels = np.array(image)
    if pixels.shape != page.shape or pixels.dtype.kind != page.dtype.kind:
        raise MicrographError(
            f"{path}: {page.dtype} in {page.compression.name} compression is not read; "
            "save it uncompressed or as MRC"
        )
    # Pillow turns 8-bit images over itself.
    return _turned_over(pixels) if _zero_is_white(page) and pixels.dtype.itemsize > 1 else pixels


@contextmanager
def _page(path: Path) -> Iterator[Any]:
    """Open the file's only page, checked; whatever tifffile trips over becomes our own error."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            yield _checked_page(path, file)
    except MicrographError:
        raise
    except Exception as error:  # a damaged file makes tifffile raise almost anything
        if "imagecodecs" in str(error):
            raise MicrographError(
                f"{path}: its compression is not read ({error}): install that, or save it uncompressed "
                "or as MRC"
            ) from error
        raise MicrographError(f"{path}: not a readable TIFF file ({error})") from error


def _checked_page(path: Path, file: Any) -> Any:
    if not len(file.pages):
        raise MicrographError(f"{path}: the TIFF file holds no image")
    if int(file.pages[0].compression) in _EER_COMPRESSIONS:
        raise eer_error(path)
    page = _main_page(path, file)
    if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in "iuf":
        raise MicrographError(
            f"{path}: not a grey image (shape {page.shape}, type {page.dtype}); save it as 2-D grey levels"
        )
    check_shape(path, *page.shape)
    stored = sum(page.databytecounts)
    segments = zip(page.dataoffsets, page.databytecounts, strict=True)
    end = max((start + size for start, size in segments), default=0)
    plain_bytes = page.shape[0] * page.shape[1] * page.bitspersample // 8
    # No compressor shrinks a micrograph's noise a thousandfold: more is a damaged header.
    expected = plain_bytes if int(page.compression) == 1 else max(1, plain_bytes // 1000)
    if end > path.stat().st_size or stored < expected:
        raise MicrographError(f"{path}: truncated, some of its pixels are missing; copy or export it again")
    return page


def _main_page(path: Path, file: Any) -> Any:
    """Return the page of the image where the others are its thumbnails or masks."""
    if len(file.pages) == 1:
        return file.pages[0]
    if len(file.pages) > _MOST_PAGES:
        raise movie_error(path, len(file.pages))
    pages = [file.pages[i] for i in range(len(file.pages))]
    main = max(pages, key=lambda page: (not _is_beside(page), math.prod(page.shape[:2])))
    for page in pages:
        small = all(2 * side <= whole for side, whole in zip(page.shape[:2], main.shape[:2], strict=True))
        if page is not main and not (_is_beside(page) or small):
            raise movie_error(path, len(pages))
    return main


def _is_beside(page: Any) -> bool:
    """Whether a page says that it is a smaller copy, or a mask, of another."""
    return bool(int(page.subfiletype) & (_REDUCED | _MASK))


def _stated_sizes(page: Any) -> tuple[float, float]:
    """Angstrom per pixel along x and y as the file states them, NaN where it does not."""
    ome = re.search(r"PhysicalSizeX=\"([^\"]+)\"", page.description)
    if ome is not None:
        return _ome_size(page.description, "X"), _ome_size(page.description, "Y")
    unit = page.tags.get("ResolutionUnit")
    angstrom = _UNIT_ANGSTROM.get(int(unit.value), math.nan) if unit is not None else math.nan
    if page.description.startswith("ImageJ="):
        named = re.search(r"^unit=(.*)$", page.description, re.MULTILINE)
        angstrom = _NAMED_ANGSTROM.get(named[1].strip().lower(), math.nan) if named else math.nan
    return _per_pixel(page, "XResolution") * angstrom, _per_pixel(page, "YResolution") * angstrom


def _ome_size(description: str, axis: str) -> float:
    size = re.search(rf"PhysicalSize{axis}=\"([^\"]+)\"", description)
    unit = re.search(rf"PhysicalSize{axis}Unit=\"([^\"]+)\"", description)
    try:
        value = float(size[1]) if size is not None else math.nan
    except ValueError:
        return math.nan
    return value * _NAMED_ANGSTROM.get(html.unescape(unit[1]).lower() if unit else "µm", math.nan)


def _per_pixel(page: Any, tag: str) -> float:
    """How much of the unit a pixel is, NaN if that is not stated."""
    resolution = page.tags.get(tag)
    if resolution is None:
        return math.nan
    numerator, denominator = resolution.value
    return denominator / numerator if numerator else math.nan
