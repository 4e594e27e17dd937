"""The folder that picking writes into: its files, which other runs may write into at the same time.

The files of a micrograph are written together with its line in the manifest, under the folder's lock, and the
line last: what is noted is whole. Tables of all micrographs are made from the manifest.
"""

from __future__ import annotations

import errno
import io
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from napari_hydrapicker.errors import CoordinateFileError, HydraPickerError, MicrographError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates import WriteOptions
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.manifest import Manifest, OutputFolderError
from napari_hydrapicker.picking.parameters import PickParameters, RunConfig
from napari_hydrapicker.picking.results import MicrographResult, source_of
from napari_hydrapicker.picking.shard import Shard, shard_journals
from napari_hydrapicker.picking.tables import write_tables
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST_NAME = 255  # bytes, where the system does not say
_SAME_SIZE = 1e-4  # relative: headers hold rounded numbers
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp")  # files that a killed run was writing
_ANEW = "give `overwrite` to pick all anew, or another `out`"
_NOTHING = Picks.from_xy([], [])


@dataclass(frozen=True)
class Settings:
    """How to pick, and what to write; of which `shard`, if the work is shared without a word between them.

    Without any `formats` the picks are in the manifest alone. A `mixed` run leaves what other options gave on
    micrographs that it does not pick, and replaces it on those that it does.
    """

    out: Path
    parameters: PickParameters
    formats: tuple[str, ...] = ("star",)
    pixel_size_angstrom: float | None = None
    threshold: float = 0.5
    overlay: bool = False
    overwrite: bool = False
    resume: bool = False
    shard: Shard | None = None
    mixed: bool = False

    def pixel_size(self, micrograph: Micrograph) -> float | None:
        """Return Angstrom per pixel: what is given for all, else what the file states."""
        return self.pixel_size_angstrom or micrograph.pixel_size_angstrom


class NameTakenError(MicrographError):
    """Results go by the micrographs' names, and another micrograph has this one."""


class OutputFolder:
    """A folder of picks, and one run that writes into it.

    Parameters
    ----------
    settings : Settings
        Of the run.
    config : RunConfig
        What its results are made with: no other results are taken for its own.
    manifest : Manifest, optional
        Of the folder, if it is read already.
    """

    def __init__(self, settings: Settings, config: RunConfig, manifest: Manifest | None = None) -> None:
        self.settings = settings
        self.manifest = manifest or Manifest(settings.out, settings.shard)
        self._config = config
        self._run = ""
        self._has_recorded = False

    def begin(
        self, micrographs: Sequence[Micrograph], unopened: Sequence[MicrographResult] = ()
    ) -> tuple[list[Micrograph], list[MicrographResult]]:
        """Make the folder, find out before the work whether its results can be written, and note its options.

        Parameters
        ----------
        micrographs
            To be picked.
        unopened
            Failures to note.

        Returns
        -------
        micrographs, failures
            Those whose names can be files' names; the failures, and one for each other micrograph.

        Raises
        ------
        CoordinateFileError
            If files to write exist and may not be replaced, or the folder cannot be made or written to.
        ParameterError
            If a format is not known, or the folder was picked with other options.
        """
        unknown = [name for name in self.settings.formats if name not in formats.FORMATS]
        if unknown:
            raise ParameterError(f"`format` {','.join(unknown)}: choose from {', '.join(formats.FORMATS)}")
        self._make()
        with self.manifest.locked():
            self._look_at_shards()
            good, bad = self._nameable(micrographs)
            if not (self.settings.overwrite or self.settings.mixed):
                self._check_may_join(good)
            replaced = [self._name(one) for one in good] if self.settings.overwrite else None
            if self.settings.mixed:
                replaced = replaced or []
            try:
                self._clear(good)
                self._run = self.manifest.begin(self._config, replaced)
                for failure in (*unopened, *bad):
                    self.manifest.add(failure)
            except OSError as error:
                raise self._cannot_note(error) from error
        return good, [*unopened, *bad]

    def _look_at_shards(self) -> None:
        """Take results of the whole folder and of other shards for done."""
        if self.settings.shard is not None:
            self.manifest.read_others()
        elif journals := shard_journals(self.settings.out):
            raise CoordinateFileError(
                f"there are results of {counted(len(journals), 'shard')} that are not merged yet; once they "
                f"are done, do so (hydrapicker merge): {self.settings.out}"
            )

    def _clear(self, micrographs: Sequence[Micrograph]) -> None:
        """Remove what runs that were killed had begun to write; other shards' may be being written."""
        if self.settings.shard is not None:
            return
        inner = {Path(name).parent for one in micrographs for name in self._file_names(one) if "/" in name}
        for folder in (self.settings.out, *(self.settings.out / one for one in inner)):
            for file in folder.iterdir() if folder.is_dir() else ():
                if _UNFINISHED.fullmatch(file.name):
                    file.unlink(missing_ok=True)

    def _make(self) -> None:
        out = self.settings.out
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CoordinateFileError(f"the folder cannot be made ({reason}): {out}") from error
        if reason := _why_unwritable(out):
            raise CoordinateFileError(f"cannot be written to ({reason}): {out}; choose another folder")

    def _nameable(self, micrographs: Sequence[Micrograph]) -> tuple[list[Micrograph], list[MicrographResult]]:
        longest = _longest_name(self.settings.out)
        good: list[Micrograph] = []
        bad: list[MicrographResult] = []
        for one in micrographs:
            try:
                parts = [part for name in self._file_names(one) for part in name.split("/")]
                if any(len(os.fsencode(part)) > longest for part in parts):
                    raise MicrographError("its results' names would be too long: rename it")
                good.append(one)
            except HydraPickerError as problem:
                bad.append(MicrographResult.of(one).failed(f"{problem}: {one.path}"))
        return good, bad

    def _file_names(self, micrograph: Micrograph) -> list[str]:
        """Names of the files that hold one micrograph's results, in the folder."""
        own = self._name(micrograph)
        nothing = {own: _NOTHING}
        each = (formats.FORMATS[name] for name in self.settings.formats)
        names = [
            name
            for one in each
            if one.main is None
            for name in one.encode(nothing, self.settings.out, WriteOptions())
        ]
        return [*names, overlay_name(own)] if self.settings.overlay else names

    def _name(self, micrograph: Micrograph) -> str:
        """The micrograph's name here: it keeps the one under which it was picked first.

        In another list it may have another, with more or fewer of its folders.
        """
        return self.manifest.name_of(source_of(micrograph)) or micrograph.name

    def _check_may_join(self, micrographs: Sequence[Micrograph]) -> None:
        """Refuse to mix results, and to replace any that this run may not replace."""
        out, manifest = self.settings.out, self.manifest
        there = set(os.listdir(out))

        def is_there(name: str) -> bool:
            return name in there or ("/" in name and (out / name).exists())

        present = next(
            (name for one in micrographs for name in self._file_names(one) if is_there(name)), None
        )
        if not manifest.exists:
            tables = [formats.FORMATS[name].main for name in self.settings.formats]
            known = [formats.PICKING_SUMMARY, *(name for name in tables if name is not None)]
            present = present or next((name for name in known if name in there), None)
        names = [self._name(one) for one in micrographs]
        done = [manifest.picked[name] for name in names if name in manifest.picked]
        if self.settings.resume:
            if present is not None and not manifest.exists:
                raise CoordinateFileError(
                    f"{out / present} exists, but not {manifest.path}, which would say how it was made (an "
                    f"earlier version or another program wrote none, or it was lost): {_ANEW}"
                )
        elif done or present is not None:
            first = f"the result of {done[0].name} in {out}" if present is None else str(out / present)
            raise CoordinateFileError(
                f"{first} exists: give `resume` to go on, `overwrite`, or another `out`"
            )
        differing = self._differences(done) or self._other_options() or self._pixel_sizes(micrographs)
        if differing:
            given = "`resume`: " if self.settings.resume else ""
            raise ParameterError(
                f"{given}{out} was picked with other options: {'; '.join(differing)}: "
                f"repeat the first run's options, or {_ANEW}"
            )

    def _differences(self, results: Sequence[MicrographResult]) -> list[str]:
        for result in results:
            known = self.manifest.configs.get(result.run)
            if known is not None and (differing := known.differences(self._config)):
                return differing
        return []

    def _other_options(self) -> list[str]:
        """What differs from all results in the folder, unless they may be mixed by now."""
        manifest = self.manifest
        results = list({one.run: one for one in manifest.picked.values()}.values())
        same = any(manifest.is_made_with(one, self._config) for one in results)
        mixed = any(not manifest.configs[key].differences(self._config) for key in manifest.overwriting)
        return [] if same or mixed else self._differences(results)

    def _pixel_sizes(self, micrographs: Sequence[Micrograph]) -> list[str]:
        for one in micrographs:
            result, now = self.manifest.picked.get(self._name(one)), self.settings.pixel_size(one)
            was = None if result is None else result.pixel_size_angstrom
            if result is None or not was or not now or math.isclose(was, now, rel_tol=_SAME_SIZE):
                continue
            if not result.is_outdated(one):
                return [f"the pixel size of {one.name} was {was:g} A, is {now:g} A"]
        return []

    def clear(self) -> None:
        """Forget all results, before a run that none of them serves.

        Raises
        ------
        CoordinateFileError
            If the manifest cannot be removed.
        """
        try:
            self.manifest.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_note(error) from error
        self.manifest = Manifest(self.settings.out, self.settings.shard)

    def n_done(self, micrographs: Sequence[Micrograph]) -> int:
        """Return how many of some micrographs are picked, as far as is known here."""
        found = (self.manifest.picked.get(self._name(one)) for one in micrographs)
        return sum(one is not None and self.manifest.is_made_with(one, self._config) for one in found)

    def done(self, micrograph: Micrograph) -> MicrographResult | None:
        """Return what this run's options gave on a micrograph before, or by another run just now.

        None if it is to be picked: it is not done, or its file has changed since. Files that are missing, or
        were lost when the computer stopped, are written anew.

        Raises
        ------
        OutputFolderError
            If the folder is gone, or cannot be written any more.
        NameTakenError
            If another micrograph of this name is in the folder.
        """
        self.manifest.refresh()
        found = self._valid(micrograph)
        if found is not None:
            self._restore(micrograph, found)
        elif self._name(micrograph) in self.manifest.picked:
            logger.info("%s has changed since it was picked: it is picked again", self._name(micrograph))
        return found

    def _valid(self, micrograph: Micrograph) -> MicrographResult | None:
        """The micrograph's result, if it is this run's options' and its file's as it is now."""
        found = self.manifest.picked.get(self._name(micrograph))
        if found is None:
            return None
        outdated = found.is_outdated(micrograph)
        moved = found.source != source_of(micrograph)  # then it is the same still, unless it is outdated
        if outdated and moved and not self.settings.mixed:
            raise NameTakenError(
                f"{micrograph.path}: shares its name with {found.source}, which is picked into "
                f"{self.settings.out} already: pick it into another folder, or, if it is the same, give "
                "`overwrite`"
            )
        same = not outdated and self.manifest.is_made_with(found, self._config)
        if self.settings.mixed:
            same &= found.pixel_size_angstrom == self.settings.pixel_size(micrograph)
        return replace(found, earlier=True) if same else None

    def _restore(self, micrograph: Micrograph, result: MicrographResult) -> None:
        lost = [name for name in self._file_names(micrograph) if self._is_lost(name, result)]
        if lost:
            picks = self.manifest.picks([result.name])[result.name]
            files = encoded(self.settings, micrograph, picks, result)
            with self.manifest.locked():
                self._write({self.settings.out / name: files[name] for name in lost})

    def _is_lost(self, name: str, result: MicrographResult) -> bool:
        try:
            size = (self.settings.out / name).stat().st_size
        except OSError:
            return True
        return size == 0 and result.n_picks > 0

    def start(self, micrograph: Micrograph) -> MicrographResult:
        """Return the beginnings of a micrograph's result, before its file is read."""
        return MicrographResult.of(
            micrograph,
            self._name(micrograph),
            pixel_size_angstrom=self.settings.pixel_size(micrograph),
            run=self._run,
        )

    def record(
        self,
        micrograph: Micrograph,
        result: MicrographResult,
        picks: Picks,
        files: Mapping[str, bytes] | None = None,
    ) -> MicrographResult:
        """Write the files of one micrograph, and note it as done; or return what another run has done.

        `files` are those that `encoded` has made of the same already.

        Raises
        ------
        OutputFolderError
            If nothing more can be written into the folder.
        CoordinateFileError, ParameterError
            If the files of this micrograph cannot be written.
        """
        result = with_counts(result, picks)
        if files is None:
            files = encoded(self.settings, micrograph, picks, result)
        with self.manifest.locked():
            if (other := self._valid(micrograph)) is not None:
                return other
            if not (self._has_recorded or self.settings.mixed) and (differing := self._other_options()):
                raise OutputFolderError(
                    f"another run writes into this folder now, whose {differing[0]} here: give each a folder "
                    f"of its own: {self.settings.out}"
                )
            self._write({self.settings.out / name: content for name, content in files.items()})
            self._note(result, picks)
            self._has_recorded = True  # from now on it is for other runs to give way
        return result

    def fail(self, result: MicrographResult) -> MicrographResult:
        """Note a micrograph that cannot be picked; raises as `record`."""
        with self.manifest.locked():
            self._note(result, None)
        return result

    def _note(self, result: MicrographResult, picks: Picks | None) -> None:
        try:
            self.manifest.add(result, picks)
        except OSError as error:
            raise self._cannot_note(error) from error

    def _cannot_note(self, error: OSError) -> CoordinateFileError:
        problem = CoordinateFileError(f"cannot be written ({error.strerror or error}): {self.manifest.path}")
        problem.__cause__ = error
        return self._stopped(problem) or problem

    def _write(self, files: Mapping[Path, bytes]) -> None:
        try:
            write_files(dict(files), overwrite=True, within=self.settings.out)
        except CoordinateFileError as error:
            raise self._stopped(error) or error from error

    def _stopped(self, error: BaseException) -> OutputFolderError | None:
        """Return what is wrong with the folder or its disk, if that is why a file cannot be written."""
        if is_disk_full(error):
            return OutputFolderError(str(error))
        if reason := _why_unwritable(self.settings.out):
            return OutputFolderError(f"cannot be written to any more ({reason}): {self.settings.out}")
        return None

    def finish(self) -> None:
        """Note that all micrographs have had their turn; for `merge` to see that a shard is whole.

        Raises
        ------
        OutputFolderError
            If nothing more can be written into the folder.
        """
        if self.settings.shard is not None:
            with self.manifest.locked():
                try:
                    self.manifest.finish()
                except OSError as error:
                    raise self._cannot_note(error) from error

    def write_tables(self) -> None:
        """Write what holds all micrographs of the folder, of all its runs: see `tables.write_tables`.

        A shard writes none: they are made when all shards are merged.
        """
        if self.settings.shard is None:
            with self.manifest.locked():
                write_tables(self.manifest, self._write, self.settings.formats)


def with_counts(result: MicrographResult, picks: Picks) -> MicrographResult:
    """Return a result with what there is to say of its picks, from the threshold on."""
    scores = picks.score[~np.isnan(picks.score)]
    mean = float(scores.mean()) if len(scores) else None
    return replace(
        result, n_picks=len(picks), diameter_px=picks.diameter_px, mean_score=mean,
        masked_share=picks.masked_share,
    )  # fmt: skip


def encoded(
    settings: Settings, micrograph: Micrograph, picks: Picks, result: MicrographResult
) -> dict[str, bytes]:
    """Return the files of one micrograph's results, by their names in the folder; the picture is drawn.

    Raises
    ------
    CoordinateFileError, ParameterError, MicrographError
        If they cannot be made.
    """
    options = WriteOptions(shapes={result.name: micrograph.shape})
    files: dict[str, bytes] = {}
    for name in settings.formats:
        if formats.FORMATS[name].main is None:
            files |= formats.FORMATS[name].encode({result.name: picks}, settings.out, options)
    if settings.overlay and result.pixel_size_angstrom is not None:
        from napari_hydrapicker.evaluation.overlay import draw_overlay  # with Pillow and scipy's KDTree

        picture = io.BytesIO()
        diameter_px = settings.parameters.diameter_angstrom / result.pixel_size_angstrom
        draw_overlay(micrograph.pixels(), picks, diameter_px, picture)
        files[overlay_name(result.name)] = picture.getvalue()
    return files


def overlay_name(micrograph: str) -> str:
    """Return the name of a micrograph's picture."""
    return f"{micrograph}_overlay.png"


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one it was made from, says that the disk, or the user's share of it, is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__
    return False


def _why_unwritable(folder: Path) -> str:
    """Why no file can be made in a folder; "" if one can."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # there is none on Windows
        return _LONGEST_NAME
