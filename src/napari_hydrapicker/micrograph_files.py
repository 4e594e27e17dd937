"""Which files are meant where micrographs are named by file, folder or pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from napari_hydrapicker.errors import MicrographError

_COMPRESSED = (".gz", ".bz2")
_MRC_SUFFIXES = (".mrc", ".mrcs")
_SCIENTIFIC = (*_MRC_SUFFIXES, *(m + c for m in _MRC_SUFFIXES for c in _COMPRESSED), ".tif", ".tiff")
_PICTURES = (".png", ".jpg", ".jpeg")


def find_micrographs(paths: Iterable[str | Path]) -> list[Path]:
    """List the micrograph files named by files, folders and glob patterns, sorted, each once.

    A folder stands for the MRC and TIFF files in it, or, if it has none, for its PNG and JPEG files
    (which may otherwise be thumbnails of the others). Links that lead nowhere are listed too, so that
    opening them says so.

    Raises
    ------
    MicrographError
        If one of the names leads to no file.
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
    for suffixes in (_SCIENTIFIC, _PICTURES):
        if chosen := [file for file in visible if file.name.lower().endswith(suffixes)]:
            return chosen
    return []
