"""The micrographs that `hydrapicker pick` is given."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from napari_hydrapicker.imaging.rescale import DOUBTFUL_DIAMETER_PX, is_doubtful_pixel_size
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.lists import is_list, open_any
from napari_hydrapicker.io.micrograph import Micrograph, MicrographWarning
from napari_hydrapicker.picking.batch import open_all
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.wording import shortened

_SAME_SIZE = 1.05  # a factor within which pixel sizes are one size, calibrated anew


def open_named(names: Sequence[str]) -> tuple[list[Micrograph], list[MicrographResult]]:
    """Open files, folders, patterns and lists; return a result for each micrograph that cannot be picked.

    Raises
    ------
    MicrographError
        If a name leads to no file.
    """
    files = [name for name in names if not is_list(name)]
    listed: list[Micrograph] = []
    problems: list[MicrographResult] = []
    for name in dict.fromkeys(name for name in names if is_list(name)):
        found, errors = open_any([name])
        listed += found
        problems += [MicrographResult(Path(name).name, error=error) for error in errors]
    opened, unopened = open_all(find_micrographs(files) if files else [], listed)
    return opened, unopened + problems


def with_pixel_size(micrographs: Sequence[Micrograph], pixel_size_angstrom: float | None) -> list[Micrograph]:
    """Return the micrographs with the pixel size that is given for all, Angstrom; None for their own."""
    if pixel_size_angstrom is None:
        return list(micrographs)
    return [one.with_pixel_size(pixel_size_angstrom) for one in micrographs]


def doubt_scale(
    micrographs: Sequence[Micrograph], diameter_angstrom: float, pixel_size_angstrom: float | None
) -> None:
    """Warn once of each kind of scale that can be meant, but seldom is.

    Warns
    -----
    MicrographWarning
        If a file states a pixel size of 1 Angstrom, the particle is a few pixels across, or as
        `doubt_pixel_size`.
    """
    sizes = [(one.path, pixel_size_angstrom or one.pixel_size_angstrom) for one in micrographs]
    unsure = [path for path, size in sizes if size == 1 and pixel_size_angstrom is None]
    _warn(
        unsure,
        "the pixel size is given as 1 A, which some programs write where they do not know it; "
        "if it is wrong, give --pixel-size",
    )
    small = [path for path, size in sizes if size and 1 <= diameter_angstrom / size < DOUBTFUL_DIAMETER_PX]
    _warn(
        small,
        f"a particle of {diameter_angstrom:g} A is less than {DOUBTFUL_DIAMETER_PX} pixels across: picking "
        "is slow and finds little; is the diameter in Angstrom, not nanometre?",
    )
    doubt_pixel_size(micrographs, pixel_size_angstrom)


def doubt_pixel_size(micrographs: Sequence[Micrograph], pixel_size_angstrom: float | None) -> None:
    """Warn where the pixel size that is given for all is hardly that of the micrographs.

    Warns
    -----
    MicrographWarning
        If they state different ones, or one that is far from it: that of other binning, or in nanometre.
    """
    stated = {one.pixel_size_angstrom: one.path for one in micrographs if one.pixel_size_angstrom}
    if not (pixel_size_angstrom and stated):
        return
    if max(stated) > _SAME_SIZE * min(stated):
        _warn(
            [stated[max(stated)]],
            f"the file states {max(stated):g} A per pixel, others {min(stated):g}; --pixel-size "
            f"{pixel_size_angstrom:g} is taken for all",
        )
    elif is_doubtful_pixel_size(max(stated), pixel_size_angstrom):
        _warn(
            [one.path for one in micrographs],
            f"the file states {max(stated):g} A per pixel, but --pixel-size {pixel_size_angstrom:g} is "
            "taken; if that is of unbinned images, or in nanometre, leave it out",
        )


def _warn(paths: Sequence[Path], doubt: str) -> None:
    if paths:
        warnings.warn(f"{shortened(paths, 1)}: {doubt}", MicrographWarning, stacklevel=3)
