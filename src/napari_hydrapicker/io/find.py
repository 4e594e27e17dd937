"""Which files are meant where micrographs are named by file, folder or pattern.

A folder may hold more than its micrographs: motion correction leaves power spectra and sums without dose
weighting beside them, and masks lie there too. These are left out where the micrograph itself is there.
"""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.image_info import MicrographWarning
from napari_hydrapicker.io.names import micrograph_stem
from napari_hydrapicker.wording import shortened

_COMPRESSED = (".gz", ".bz2")
_MRC_SUFFIXES = (".mrc", ".mrcs")
SCIENTIFIC = (*_MRC_SUFFIXES, *(m + c for m in _MRC_SUFFIXES for c in _COMPRESSED), ".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg")
# Endings of RELION's and MotionCor's side products, of masks, and of thumbnails; and of the micrographs
# beside them.
_SIDE_PRODUCT = re.compile(r"_(PS|noDW|DWS|mask|thumb(nail)?|rigid_aligned)$")
_KIND_OF_MASK = re.compile(r"_[a-zA-Z]+$")  # a_predicted_mask
_WEIGHTED = ("_DW", "_patch_aligned_doseweighted", "_patch_aligned")


def find_micrographs(paths: Iterable[str | Path]) -> list[Path]:
    """List the micrograph files named by files, folders and glob patterns, sorted, each once.

    A folder stands for the MRC and TIFF files in it, or, if it has none, for its PNG and JPEG files
    (which may otherwise be thumbnails of the others). Links that lead nowhere are listed too, so that
    opening them says so. Power spectra, masks and the like are left out of folders and patterns where their
    micrograph is there too.

    Raises
    ------
    MicrographError
        If one of the names leads to no file.

    Warns
    -----
    MicrographWarning
        If files were left out.
    """
    found: set[Path] = set()
    for path in paths:
        found.update(_expand(Path(os.path.expanduser(path))))
    if not found:
        raise MicrographError("no micrographs were named: give files, folders or patterns such as '*.mrc'")
    return sorted(found)


def _expand(path: Path) -> list[Path]:
    # os.path's questions, unlike Path's, have an answer for names that no file can have.
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        try:
            files = [entry for entry in path.iterdir() if _is_file_or_lost_link(entry)]
        except OSError as error:
            raise MicrographError(f"{path}: the folder cannot be read ({error})") from error
        micrographs = _recognised(files)
        if not micrographs:
            raise MicrographError(f"{path}: no micrographs (.mrc, .mrcs, .tif, .png, .jpg) in this folder")
        return micrographs
    matches = [Path(match) for match in glob.glob(str(path), recursive=True)]
    files = [match for match in matches if _is_file_or_lost_link(match)]
    if not files:
        what = "no file matches this pattern" if glob.has_magic(str(path)) else "no such file or folder"
        raise MicrographError(f"{path}: {what}")
    return _recognised(files) or files


def _is_file_or_lost_link(path: Path) -> bool:
    return os.path.isfile(path) or (os.path.islink(path) and not os.path.exists(path))


def _recognised(files: list[Path]) -> list[Path]:
    """Keep the files whose names are micrographs': scientific formats first, else pictures."""
    visible = [file for file in files if not file.name.startswith(".")]
    for suffixes in (SCIENTIFIC, PICTURES):
        if chosen := [file for file in visible if file.name.lower().endswith(suffixes)]:
            return without_side_products(chosen)
    return []


def without_side_products(files: Sequence[Path], said: bool = True) -> list[Path]:
    """Leave out what was made beside micrographs that are there too, and warn of it if it is to be `said`."""
    stems = {(file.parent, micrograph_stem(file.name)) for file in files}
    left_out = [file for file in files if _is_side_product(file.parent, micrograph_stem(file.name), stems)]
    if left_out and said:
        warnings.warn(
            f"{shortened(left_out, 1)}: left out, since a micrograph of the same exposure lies beside it "
            "(power spectra, masks, sums without dose weighting); name the files themselves to take them",
            MicrographWarning,
            stacklevel=4,
        )
    dropped = set(left_out)
    return [file for file in files if file not in dropped]


def _is_side_product(folder: Path, stem: str, stems: Container[tuple[Path, str]]) -> bool:
    if (folder, f"{stem}_DW") in stems:  # MotionCor's own sum without dose weighting
        return True
    base = _SIDE_PRODUCT.sub("", stem)
    bases = {base, _KIND_OF_MASK.sub("", base) if stem.endswith("_mask") else base} - {stem}
    return any((folder, base + ending) in stems for base in bases for ending in ("", *_WEIGHTED))
