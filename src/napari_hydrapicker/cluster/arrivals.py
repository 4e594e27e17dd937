"""Which micrographs of a folder, or of another program's list, are there in whole by now.

Microscopes, motion correction and copying write files under their final names, piece by piece. A file is
taken for whole once two looks in a row found the same size and time, and its header promises no more bytes
than it has; of formats whose header promises nothing the pixels are read. Folders are looked at again and
again: file systems that a cluster shares do not tell one computer what another one writes.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.io import mrc
from napari_hydrapicker.io.find import PICTURES, SCIENTIFIC, without_side_products
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.lists import find_listed, is_list, listed_micrographs
from napari_hydrapicker.io.micrograph import Micrograph, open_with_problems

_GROWING = "it was still growing"
_RETRY_SECONDS = 60.0  # until a file that could not be read, and has not changed, is tried again
_State = tuple[int, int]  # size and time of a file


@dataclass
class _Waiting:
    """A file that is not whole yet, as it was at the last look."""

    state: _State
    why: str = _GROWING
    tried: float | None = None


@dataclass
class _List:
    """A list of another program as it was read last."""

    state: _State
    micrographs: list[tuple[str, float | None, ListedFigures | None]]


class Arrivals:
    """Micrographs that arrive in folders, under patterns, or in lists.

    Parameters
    ----------
    sources
        Folders, of which MRC and TIFF files are taken; patterns; RELION's ``.star`` and cryoSPARC's ``.cs``
        lists, which may grow as well.
    known
        Files that are not to be found again.
    """

    def __init__(self, sources: Sequence[str | Path], known: Sequence[Path] = ()) -> None:
        self._sources = [Path(os.path.expanduser(one)) for one in sources]
        self._taken = {os.path.abspath(one) for one in known}
        self._waiting: dict[Path, _Waiting] = {}
        self._lists: dict[Path, _List] = {}
        self._problems: dict[Path, str] = {}

    @property
    def unfinished(self) -> dict[Path, str]:
        """What has been named or begun, but is not whole, and why it is not taken for that."""
        return {**self._problems, **{path: one.why for path, one in self._waiting.items()}}

    def look(self) -> list[Micrograph]:
        """Look once; return the micrographs that are whole now and were not returned before.

        Looks should be some seconds apart: a file that grows within this time is waited for.
        """
        self._problems = {}
        named = dict(self._named())
        self._waiting = {path: one for path, one in self._waiting.items() if path in named}
        found: list[Micrograph] = []
        for path, (pixel_size, figures) in named.items():
            opened = self._if_whole(path)
            if opened:
                self._taken.add(os.path.abspath(path))
                self._waiting.pop(path, None)
                if pixel_size is not None:
                    opened = [one.with_pixel_size(pixel_size) for one in opened]
                found += [replace(one, figures=figures) for one in opened] if figures else opened
        return found

    def _named(self) -> Iterator[tuple[Path, tuple[float | None, ListedFigures | None]]]:
        """Files that are not taken yet, with the pixel size and the figures that a list states."""
        for source in self._sources:
            if is_list(source):
                yield from self._listed(source)
            else:
                yield from ((file, (None, None)) for file in _files(source) if not self._is_taken(file))

    def _listed(self, source: Path) -> Iterator[tuple[Path, tuple[float | None, ListedFigures | None]]]:
        try:
            state = _state(source)
            known = self._lists.get(source)
            if known is None or known.state != state:
                known = self._lists[source] = _List(state, listed_micrographs(source))
        except (OSError, HydraPickerError) as error:  # while it is being written it may be anything
            self._problems[source] = str(error)
            known = self._lists.get(source)
        for name, pixel_size, figures in known.micrographs if known else ():
            try:
                path = find_listed(source, name)
            except MicrographError:
                self._problems[Path(name)] = f"{source} lists it, but it is not there"
                continue
            if not self._is_taken(path):
                yield path, (pixel_size, figures)

    def _is_taken(self, path: Path) -> bool:
        return os.path.abspath(path) in self._taken

    def _if_whole(self, path: Path) -> list[Micrograph]:
        """Open a file if it is whole; else note why it is not."""
        try:
            state = _state(path)
        except OSError as error:
            self._waiting[path] = _Waiting((-1, -1), error.strerror or str(error))
            return []
        before = self._waiting.get(path)
        if before is None or before.state != state:
            self._waiting[path] = _Waiting(state)
            return []
        now = time.monotonic()
        if before.tried is not None and now - before.tried < _RETRY_SECONDS:
            return []
        try:
            opened = open_whole(path)
            if _state(path) == state:
                return opened
        except MicrographError as error:
            before.why, before.tried = str(error), now
        except OSError as error:
            before.why = error.strerror or str(error)
        return []


def open_whole(path: Path) -> list[Micrograph]:
    """Open a file's micrographs if all of its bytes are there.

    Raises
    ------
    MicrographError
        If some are missing, or it is no micrograph.
    """
    micrographs, flaws = open_with_problems(path)
    for flaw in flaws:  # in a header that is right it says that the last bytes are not there yet
        if flaw.startswith(mrc.WRONG_EXTENDED):
            raise MicrographError(f"{path}: {flaw}")
    try:
        promises_size = not (path.name.lower().endswith(PICTURES) or mrc.is_compressed(path))
    except OSError as error:
        raise MicrographError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not promises_size:
        micrographs[-1].pixels()
    return micrographs


def _files(source: Path) -> list[Path]:
    """Micrographs in a folder, by their names, or under a pattern; none while there is no such folder."""
    if os.path.isdir(source):
        try:
            with os.scandir(source) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError:  # a network's hiccup; the next look will tell
            return []
        micrographs = [source / name for name in names if name.lower().endswith(SCIENTIFIC)]
        return without_side_products(micrographs, said=False)
    return [Path(match) for match in sorted(glob.glob(str(source), recursive=True)) if os.path.isfile(match)]


def _state(path: Path) -> _State:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
