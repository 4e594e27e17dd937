"""The file that says what a folder's picks were made with, and which micrographs are done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_hydrapicker import __version__
from napari_hydrapicker.description import reason
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.formats._files import write_files
from napari_hydrapicker.picking.made_with import MadeWith

LEDGER = "picking.json"
_SAME_SIZE = 1e-4  # relative: headers hold rounded numbers
_ELSE = "give --overwrite to pick all anew, or another --out"


class _Content(BaseModel):
    """The file: the options, and Angstrom per pixel of each micrograph that is done with them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: Literal[1] = 1
    program: str = f"napari-hydrapicker {__version__}"
    options: MadeWith
    done: dict[str, float]


class Ledger:
    """Keeps, in a folder of picks, what they are made with and which micrographs are done.

    The file is there before the first result, and speaks of a micrograph once its results are whole. So
    whatever ends a run, what the file names was made with its options. Several runs with the same options
    may write into a folder at a time; where two write the file at once, a micrograph may be forgotten.

    Parameters
    ----------
    folder : Path
        Where the picks go.
    options : MadeWith
        What they are made with.
    done : mapping of micrograph name to Angstrom per pixel, optional
        Those that the folder's file names; without it the file is replaced at `begin`.
    """

    def __init__(self, folder: Path, options: MadeWith, done: Mapping[str, float] | None = None) -> None:
        self._path = folder / LEDGER
        self._options = options
        self._done = dict(done or {})
        self._begun = done is not None

    @property
    def done(self) -> Mapping[str, float]:
        """Angstrom per pixel of the micrographs whose results are whole, by name."""
        return self._done

    def begin(self) -> None:
        """Make sure that the file is there, before a first result is written.

        Raises
        ------
        CoordinateFileError
            If it cannot be written.
        """
        if not self._begun:
            self._write(self._done)
            self._begun = True

    def add(self, pixel_sizes_angstrom: Mapping[str, float]) -> None:
        """Note micrographs whose results are written, beside those of runs at the same time.

        Raises
        ------
        CoordinateFileError
            If the file cannot be written, or is another run's with other options by now.
        """
        there = self._there()
        joined = {**there, **self._done, **pixel_sizes_angstrom}
        if joined != there or not self._begun:
            self._write(joined)
        self._done, self._begun = joined, True

    def _there(self) -> Mapping[str, float]:
        """What the file names by now."""
        if not (self._begun and self._path.exists()):
            return {}
        kept = _read(self._path)
        if differing := kept.options.differences(self._options):
            raise CoordinateFileError(
                f"{self._path}: another run writes into this folder now, whose {differing[0]} here: "
                "give each a folder of its own"
            )
        return kept.done

    def _write(self, done: Mapping[str, float]) -> None:
        text = _Content(options=self._options, done=dict(done)).model_dump_json(indent=1)
        write_files({self._path: text.encode()}, overwrite=True)


def resume(
    folder: Path, options: MadeWith, pixel_sizes_angstrom: Mapping[str, float], present: Path | None
) -> Ledger:
    """Go on with a folder, if this run's options are those of the one before.

    Parameters
    ----------
    folder : Path
        Where the picks are.
    options : MadeWith
        Of this run.
    pixel_sizes_angstrom : mapping of micrograph name to float
        Of this run.
    present : Path or None
        A result that the folder holds, if any.

    Raises
    ------
    ParameterError
        If an option differs, or the pixel size of a micrograph that is done.
    CoordinateFileError
        If there are results, but no file that says how they were made, or a damaged one.
    """
    path = folder / LEDGER
    if not path.exists():
        if present is not None:
            raise CoordinateFileError(
                f"{present} exists, but not {path}, which would say how it was made (an earlier version "
                f"or another program wrote none, or it was lost): {_ELSE}"
            )
        return Ledger(folder, options)
    kept = _read(path)
    differing = kept.options.differences(options)
    for name, now in pixel_sizes_angstrom.items():
        was = kept.done.get(name, now)
        if not math.isclose(was, now, rel_tol=_SAME_SIZE):
            differing.append(f"the pixel size of {name} was {was:g} A, is {now:g} A")
            break
    if differing:
        raise ParameterError(
            f"--resume: {folder} was picked with other options: {'; '.join(differing)}: "
            f"repeat the first run's options, or {_ELSE}"
        )
    return Ledger(folder, kept.options, kept.done)


def _read(path: Path) -> _Content:
    try:
        return _Content.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        why = reason(error) if isinstance(error, ValidationError) else error.strerror
        raise CoordinateFileError(
            f"{path}: does not say what options the picks beside it were made with ({why}): {_ELSE}"
        ) from error
