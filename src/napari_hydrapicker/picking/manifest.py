"""The manifest of a folder of picks: how each micrograph in it was picked, and what came of it.

The manifest is a file of JSON lines that only ever grows. A micrograph is done once its line stands there,
and the line holds its picks: all tables of the folder are made from the manifest. So a run may be killed at
any moment, and several runs may write into one folder at a time. The kinds of lines, by their key:

``run``
    The options of a run, and a key of them that results refer to; whether it replaces results.
``result``
    What became of a micrograph; beside it its ``picks``. A later line takes the place of an earlier one.
``forget``
    Names of micrographs whose results no longer count: they are about to be picked anew.
``finished``
    All micrographs of a shard have had their turn, so far.

Runs on several machines may not trust a lock, or not want to wait for one. A shard (``--shard 3/8``) has a
manifest of its own for its part of the micrographs; `Manifest.absorb` puts it into the folder's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from napari_hydrapicker import __version__
from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io.files import FolderLock
from napari_hydrapicker.io.safetensors import has_newer
from napari_hydrapicker.picking.parameters import RunConfig
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picking.shard import Shard, shard_journals
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

logger = logging.getLogger(__name__)

MANIFEST = "picking.jsonl"
_FORMAT_VERSION = 2  # 1 was picking.json, without the picks
_WAIT_SECONDS = 600.0  # for another run that writes large tables on a slow disk


class OutputFolderError(CoordinateFileError):
    """Nothing more can be written into a folder of picks: to go on picking would be in vain."""


class _Line(BaseModel):
    """One line; of its kinds only one is there."""

    model_config = ConfigDict(extra="ignore")

    run: str | None = None
    format_version: int = _FORMAT_VERSION
    options: RunConfig | None = None
    overwrite: bool = False
    result: dict[str, Any] | None = None
    picks: str = ""
    forget: list[str] | None = None
    finished: bool = False


_RESULT = TypeAdapter(MicrographResult)


class Manifest:
    """The manifest of one folder, as it is now and as other runs make it grow.

    Parameters
    ----------
    folder : Path
        Where the picks go. Nothing is read before `locked` or `refresh`. Several threads may use one
        manifest.
    shard : Shard or None
        Whose it is; None: the folder's.

    Attributes
    ----------
    finished : bool
        Whether the last line says that all micrographs have had their turn.
    picked, failed : dict of str to MicrographResult
        Results by the micrograph's name, and failures by source (or error, where there is none).
    configs : dict of str to RunConfig
        Options of the runs by their keys, the latest last.
    overwriting : set of str
        Keys of the runs that were told to replace results, whatever options these were made with.
    """

    def __init__(self, folder: Path, shard: Shard | None = None) -> None:
        self.path = folder / (MANIFEST if shard is None else shard.manifest_name)
        self.finished = False
        self.picked: dict[str, MicrographResult] = {}
        self.failed: dict[str, MicrographResult] = {}
        self.configs: dict[str, RunConfig] = {}
        self.overwriting: set[str] = set()
        self._places: dict[str, tuple[Path, int]] = {}  # of lines: files, and bytes from their beginning
        self._names: dict[str, str] = {}  # by source
        self._size = 0  # bytes read so far: whole lines
        self._identity: tuple[int, int] | None = None
        self._alone = threading.RLock()  # the threads of this run take turns, as runs do
        self._lock = FolderLock(
            folder,
            lambda what: OutputFolderError(f"{what}: {folder}"),
            f"another run has not let go of the folder for {_WAIT_SECONDS:g} s; end that run, then try again",
            "",
            ".lock" if shard is None else shard.lock_name,
        )
        self._has_others = False

    @property
    def exists(self) -> bool:
        """Whether a run has begun in the folder."""
        return self._identity is not None or self._has_others

    def read_others(self) -> None:
        """Take results that other manifests of the folder hold now for done, where this one has none.

        Raises
        ------
        CoordinateFileError
            If one of them cannot be read.
        """
        folder = self.path.parent
        own = dict(self.picked)
        for shard in (None, *shard_journals(folder)):
            other = Manifest(folder, shard)
            if other.path == self.path:
                continue
            other.refresh()
            self._has_others |= other.exists
            self.configs = {**other.configs, **self.configs}
            self.overwriting |= other.overwriting
            for name, result in other.picked.items():
                if name not in own:
                    self._take_result(result, *other._places[name])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from writing into the folder, and read what they have written.

        Raises
        ------
        OutputFolderError
            If the folder cannot be written, another run does not let go of it, or the manifest is gone.
        CoordinateFileError
            If the manifest cannot be read.
        """
        with self._alone:
            has_begun = self._identity is not None
            if has_begun:
                self.refresh()  # the lock must not make a folder anew that is gone
            with contextlib.ExitStack() as lock:
                try:
                    lock.enter_context(self._lock.held(_WAIT_SECONDS))
                    self._catch_up(alone=True)
                except (OutputFolderError, CoordinateFileError):
                    lock.close()
                    if has_begun:  # it may have gone, and come back empty, just now
                        self._lock.unmake()
                        self.refresh()
                    raise
                yield

    def refresh(self) -> None:
        """Read what has been added since the last time; raises as `locked`."""
        with self._alone:
            self._catch_up(alone=False)

    def _catch_up(self, alone: bool) -> None:
        try:
            status = self._status()
            if status is None or status.st_size == self._size:
                return
            with self.path.open("rb") as file:
                self._read(file, alone)
        except OSError as error:
            raise CoordinateFileError(f"cannot be read ({error.strerror or error}): {self.path}") from error

    def _status(self) -> os.stat_result | None:
        """Look at the file; None as long as no run has begun."""
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._identity is None:
                return None
            raise OutputFolderError(
                f"the folder of results, or {self.path.name} in it, is gone (deleted, renamed, or its disk "
                f"is no longer there): {self.path.parent}"
            ) from error
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would be to wait for ever
            raise CoordinateFileError(f"not a regular file: {self.path}; delete it, or choose another folder")
        identity = (status.st_dev, status.st_ino)
        if self._identity not in (None, identity) or status.st_size < self._size:
            raise OutputFolderError(
                f"{self.path.name} was replaced while this run wrote into the folder: {self.path.parent}"
            )
        self._identity = identity
        return status

    def _read(self, file: BinaryIO, alone: bool) -> None:
        file.seek(self._size)
        damaged = 0
        for line in file:
            if not line.endswith(b"\n"):
                break  # another run is writing it, or was killed while it did
            try:
                self._take(_Line.model_validate_json(line), self._size)
            except ValidationError as error:
                if has_newer(error):
                    raise self._of_newer() from error
                if not alone:  # over a network a line that is being written may have holes
                    return
                damaged += 1
            self._size += len(line)
        if damaged:
            logger.warning("damaged lines, what they tell of is picked again: %d in %s", damaged, self.path)

    def _take(self, line: _Line, offset: int) -> None:
        if line.format_version > _FORMAT_VERSION:
            raise self._of_newer()
        self.finished = line.finished
        if line.run is not None and line.options is not None:
            self.configs.pop(line.run, None)
            self.configs[line.run] = line.options
            if line.overwrite:
                self.overwriting.add(line.run)
        elif line.result is not None:
            self._take_result(_RESULT.validate_python(line.result), self.path, offset)
        elif line.forget is not None:
            for name in line.forget:
                self.picked.pop(name, None)
                self._places.pop(name, None)
            forgotten = set(line.forget)
            self.failed = {key: one for key, one in self.failed.items() if one.name not in forgotten}

    def _of_newer(self) -> CoordinateFileError:
        return CoordinateFileError(
            "written by a newer version of napari-hydrapicker, which has to go on with it; or choose another "
            f"folder: {self.path}"
        )

    def _take_result(self, result: MicrographResult, path: Path, offset: int) -> None:
        if result.error:  # of a file that was picked before, and has changed since
            self._drop(self._names.get(result.source, ""))
            self.failed[result.source or result.error] = result
            return
        self._drop(result.name)
        self.failed.pop(result.source, None)
        self.failed.pop(result.source.partition("@")[2], None)  # the stack could not be opened once
        self.picked[result.name], self._places[result.name] = result, (path, offset)
        self._names[result.source] = result.name

    def _drop(self, name: str) -> None:
        result = self.picked.pop(name, None)
        self._places.pop(name, None)
        if result is not None:
            self._names.pop(result.source, None)

    def name_of(self, source: str) -> str | None:
        """Return the name under which a micrograph has been picked into the folder; None if it has not."""
        return self._names.get(source)

    def is_made_with(self, result: MicrographResult, config: RunConfig) -> bool:
        """Whether a result was made with options; not if nobody can tell any more."""
        known = self.configs.get(result.run)
        return known is not None and (known is config or not known.differences(config))

    def picks(self, names: Iterable[str]) -> dict[str, Picks]:
        """Return the picks of micrographs that are picked, by name; raises as `locked`."""
        found: dict[str, Picks] = {}
        try:
            with self._alone, contextlib.ExitStack() as opened:
                files: dict[Path, BinaryIO] = {}
                for name in names:
                    path, offset = self._places[name]
                    if path not in files:
                        files[path] = opened.enter_context(path.open("rb"))
                    files[path].seek(offset)
                    line = _Line.model_validate_json(files[path].readline())
                    found[name] = _decoded(line.picks, self.picked[name])
        except (OSError, ValueError) as error:
            raise CoordinateFileError(f"cannot be read ({error}): {self.path}") from error
        return found

    def begin(self, config: RunConfig, replace: Sequence[str] | None = None) -> str:
        """Note the options of a run; return their key.

        Results of the names in `replace` are forgotten; with it, even an empty one, the folder may come to
        hold results of other options beside.

        To be called while `locked`; raises as `add`.
        """
        self._create()
        key = config.key
        lines: list[dict[str, Any]] = []
        overwrite = replace is not None
        if next(reversed(self.configs), None) != key or (overwrite and key not in self.overwriting):
            run = {"run": key, "format_version": _FORMAT_VERSION, "overwrite": overwrite}
            program = f"napari-hydrapicker {__version__}"
            lines.append(run | {"program": program, "options": config.model_dump(mode="json")})
        failed = {one.name for one in self.failed.values()}
        known = [name for name in replace or () if name in self.picked or name in failed]
        if known:
            lines.append({"forget": known})
        self._append(lines)
        return key

    def add(self, result: MicrographResult, picks: Picks | None = None) -> None:
        """Note what became of a micrograph; to be called while `locked`.

        Raises
        ------
        OSError
            If it cannot be written; then nothing of it is.
        OutputFolderError
            If the manifest is gone.
        """
        values = {name: value for name, value in asdict(result).items() if name != "earlier"}
        self._append([{"result": values, "picks": "" if picks is None else _encoded(picks)}])

    def finish(self) -> None:
        """Note that all micrographs have had their turn; to be called while `locked`, raises as `add`."""
        self._append([{"finished": True}])

    def absorb(self, shard: Manifest) -> None:
        """Add all that a shard's manifest says; to be called while `locked`, raises as `add`.

        What is here already is not added again, unless the shard has picked something anew.
        """
        self._create()
        kept, replaces = [], False
        with shard.path.open("rb") as file:
            for raw in file:
                try:
                    line = _Line.model_validate_json(raw) if raw.endswith(b"\n") else None
                except ValidationError:  # it was said when the shard's manifest was read
                    line = None
                if line is None or line.finished:
                    continue
                replaces |= line.forget is not None
                if replaces or not self._knows(line):
                    kept.append(raw)
        self._append_bytes(b"".join(kept))

    def _knows(self, line: _Line) -> bool:
        if line.run is not None:
            return line.run in self.configs and (not line.overwrite or line.run in self.overwriting)
        if line.result is None:
            return False
        result = _RESULT.validate_python(line.result)
        known = (
            self.failed.get(result.source or result.error) if result.error else self.picked.get(result.name)
        )
        return known == result

    def _create(self) -> None:
        if self._status() is None:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # the umask decides
            self._status()

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        self._append_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _append_bytes(self, content: bytes) -> None:
        if not content:
            return
        # Without O_CREAT: a folder that is gone, and made anew by somebody, is not gone on with.
        descriptor = os.open(self.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.truncate(self._size)  # half a line of a run that was killed
            file.seek(self._size)
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[file.write(rest) :]
            except BaseException:
                with contextlib.suppress(OSError):
                    file.truncate(self._size)
                raise
        self._catch_up(alone=True)


def _encoded(picks: Picks) -> str:
    """Centres, then scores, exactly: all that a picker gives."""
    return base64.b64encode(picks.yx.astype("<f8").tobytes() + picks.score.astype("<f4").tobytes()).decode()


def _decoded(text: str, result: MicrographResult) -> Picks:
    content = base64.b64decode(text, validate=True)
    n = result.n_picks
    if len(content) != n * 20:
        raise ValueError(f"{result.name} has not {counted(n, 'pick')}")
    yx = np.frombuffer(content, "<f8", 2 * n).reshape(n, 2)
    return Picks(
        yx, np.frombuffer(content, "<f4", n, 16 * n), diameter_px=result.diameter_px,
        masked_share=result.masked_share,
    )  # fmt: skip
