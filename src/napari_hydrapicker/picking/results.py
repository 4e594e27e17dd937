"""What became of a micrograph that was picked, and of what it was picked: whether that has changed since."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.micrograph import Micrograph

_MASK_DIGITS = 16


@dataclass(frozen=True)
class MicrographResult:
    """What became of one micrograph.

    Attributes
    ----------
    name
        The micrograph's; of a file that cannot be opened, the file's.
    source
        The file, with the frame before it in a stack: ``3@/data/stack.mrcs``; "" if it is not known.
    error
        Why there are no picks; "" if there are.
    n_picks, mean_score
        Picks from the threshold on, and their mean probability, None without picks.
    doubt
        Share of all candidates, weighed with their probability, that should be wrong (`picker.doubt`).
    masked_share
        Share of the micrograph that was left out; None if not known.
    figures
        What the list that names the micrograph states of its image.
    pixel_size_angstrom, diameter_px, shape
        What the micrograph was picked with, and its rows and columns; None if not known.
    seconds
        How long it took.
    size_bytes, mtime_ns
        Of the file when it was read, to see whether it has changed since.
    mask
        Some digits that stand for what a user has painted as unusable; "" for nothing.
    run
        Key of the options, in the manifest.
    earlier
        Whether another run than this one has done it; not in the manifest.
    """

    name: str
    source: str = ""
    error: str = ""
    n_picks: int = 0
    mean_score: float | None = None
    doubt: float | None = None
    masked_share: float | None = None
    figures: ListedFigures | None = None
    pixel_size_angstrom: float | None = None
    diameter_px: float | None = None
    shape: tuple[int, int] | None = None
    seconds: float | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None
    mask: str = ""
    run: str = ""
    earlier: bool = field(default=False, compare=False)

    @classmethod
    def failure(cls, path: Path, error: str) -> MicrographResult:
        """Return the result of a file that cannot be opened."""
        return cls(_printable(path.name), _printable(os.path.abspath(path)), _printable(error))

    @classmethod
    def of(cls, micrograph: Micrograph, name: str | None = None, **values: Any) -> MicrographResult:
        """Return a result of a micrograph, with its file's size and time as they are now."""
        size, mtime = _size_and_time(micrograph.path)
        return cls(
            _printable(name or micrograph.name), source_of(micrograph), shape=micrograph.shape,
            figures=micrograph.figures, size_bytes=size, mtime_ns=mtime, mask=_mask_of(micrograph), **values,
        )  # fmt: skip

    def failed(self, error: str) -> MicrographResult:
        """Return this result as that of a micrograph that cannot be picked."""
        return replace(self, error=_printable(error))

    def is_outdated(self, micrograph: Micrograph) -> bool:
        """Whether the micrograph's file has changed since, in size or time, or what is painted on it."""
        now = (*_size_and_time(micrograph.path), _mask_of(micrograph))
        return (self.size_bytes, self.mtime_ns, self.mask) != now


def source_of(micrograph: Micrograph) -> str:
    """Return what tells a micrograph from all others: its file, and the frame of a stack."""
    path = _printable(os.path.abspath(micrograph.path))
    return f"{micrograph.frame + 1}@{path}" if micrograph.n_frames > 1 else path


def _mask_of(micrograph: Micrograph) -> str:
    mask = micrograph.mask
    return "" if mask is None else hashlib.sha256(repr(mask).encode()).hexdigest()[:_MASK_DIGITS]


def _printable(text: str) -> str:
    """Return text that UTF-8 can hold: names of files are bytes, of any kind."""
    return text.encode("utf-8", "backslashreplace").decode()


def _size_and_time(path: Path) -> tuple[int | None, int | None]:
    try:
        status = path.stat()
    except OSError:  # picking it will say what is wrong
        return None, None
    return status.st_size, status.st_mtime_ns
