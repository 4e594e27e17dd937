"""Micrographs' names in coordinate files, where they are the keys of everything we read."""

from __future__ import annotations

import re
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.micrograph_name import IMAGE_ENDING, micrograph_stem

_PICKS_ENDING = re.compile(r"_(autopick|manualpick|topazpicks|picks?)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f/\\]")


def stem_of_picks_file(path: Path) -> str:
    """Guess the micrograph from a file that holds the picks of one: ``a_autopick.star`` -> ``a``."""
    stem = IMAGE_ENDING.sub("", path.stem)
    return _PICKS_ENDING.sub("", stem) or stem


def check_writable_name(micrograph: str) -> str:
    """Return `micrograph` if it can be a file's name and a table's value.

    Raises
    ------
    ParameterError
        If it is empty, has a folder or a control character in it, or is not encodable.
    """
    bad = micrograph in ("", ".", "..") or _UNWRITABLE.search(micrograph) or micrograph != micrograph.strip()
    if bad or not _encodable(micrograph):
        raise ParameterError(f"{micrograph!r} cannot name a micrograph: give its file name without folders")
    return micrograph


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class StemIndex:
    """Maps the micrograph names of one file to stems, and refuses two names with one stem.

    What `prefix` matches at a stem's start is dropped.
    """

    def __init__(self, path: Path, prefix: re.Pattern[str] | None = None) -> None:
        self._path, self._prefix = path, prefix
        self._stem_of: dict[str, str] = {}
        self._name_of: dict[str, str] = {}

    def stem(self, name: str, where: str) -> str:
        """Return the stem of `name`; `where` ("line 7") stands in the error's text."""
        known = self._stem_of.get(name)
        if known is not None:
            return known
        stem = micrograph_stem(name)
        if self._prefix is not None and (start := self._prefix.match(stem)):
            stem = stem[start.end() :]
        if not stem or _CONTROL.search(stem):
            raise CoordinateFileError(f"{self._path}, {where}: {name!r:.80} is not a micrograph's name")
        other = self._name_of.setdefault(stem, name)
        if other != name:
            raise CoordinateFileError(
                f"{self._path}, {where}: {name} and {other} are two micrographs of the same file name; "
                "convert them in two separate files"
            )
        self._stem_of[name] = stem
        return stem
