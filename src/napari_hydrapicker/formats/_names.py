"""Micrographs' names in coordinate files, where they are the keys of everything we read."""

from __future__ import annotations

import re
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.micrograph_name import IMAGE_ENDING, micrograph_path

_PICKS_ENDING = re.compile(r"_(autopick|manualpick|topazpicks|automatch|picks?)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\\]")


def stem_of_picks_file(path: Path) -> str:
    """Guess the micrograph from a file that holds the picks of one: ``a_autopick.star`` -> ``a``."""
    stem = IMAGE_ENDING.sub("", path.stem)
    return _PICKS_ENDING.sub("", stem) or stem


def check_writable_name(micrograph: str) -> str:
    """Return `micrograph` if it can be a file's name and a table's value, folders before it included.

    Raises
    ------
    ParameterError
        If it is empty, leads out of the folder to write to, has a control character in it, or is not
        encodable.
    """
    parts = micrograph.split("/")
    bad = any(part in ("", ".", "..") or part != part.strip() for part in parts)
    if bad or _UNWRITABLE.search(micrograph) or not _encodable(micrograph):
        raise ParameterError(f"{micrograph!r} cannot name a micrograph: give its file name")
    return micrograph


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class NameIndex:
    """The micrographs that one file names: keyed by path, so that one name in two folders is two of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path_of: dict[str, str] = {}
        self._name_of: dict[str, str] = {}

    def path(self, name: str, where: str) -> str:
        """Return the micrograph's path without image extension; `where` ("line 7") stands in the error's
        text.

        Raises
        ------
        CoordinateFileError
            If it is no name, or another file of the same folder and name was named before.
        """
        known = self._path_of.get(name)
        if known is not None:
            return known
        path = micrograph_path(name)
        if not path.rpartition("/")[2] or _CONTROL.search(path):
            raise CoordinateFileError(f"{self._path}, {where}: {name!r:.80} is not a micrograph's name")
        other = self._name_of.setdefault(path, name)
        if Path(other).suffix != Path(name).suffix:
            raise CoordinateFileError(
                f"{self._path}, {where}: {name} and {other} are two micrographs of the same file name; "
                "convert them in two separate files"
            )
        self._path_of[name] = path
        return path
