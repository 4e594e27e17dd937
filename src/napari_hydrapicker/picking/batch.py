"""Picking many micrographs into a folder: one bad file does not stop the others, a lost folder does."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from napari_hydrapicker.errors import HydraPickerError, MicrographError
from napari_hydrapicker.io.micrograph import Micrograph, open_micrographs, with_distinct_names
from napari_hydrapicker.picking.base import Picker, doubt
from napari_hydrapicker.picking.manifest import MicrographResult, OutputFolderError
from napari_hydrapicker.picking.outputs import NameTakenError, OutputFolder

logger = logging.getLogger(__name__)


def open_all(
    paths: Iterable[Path], listed: Iterable[Micrograph] = ()
) -> tuple[list[Micrograph], list[MicrographResult]]:
    """Open files (headers only); return the micrographs, and a result for each that cannot be picked.

    Output files go by the micrograph's name: the same file name in two folders is two micrographs, whose
    names have these folders before them. Of two files of one folder and name the second is refused. `listed`
    are micrographs that are open already.
    """
    opened: list[Micrograph] = []
    bad: list[MicrographResult] = []
    for path in paths:
        try:
            opened += open_micrographs(path)
        except HydraPickerError as error:
            bad.append(MicrographResult.failure(path, str(error)))
    micrographs: dict[str, Micrograph] = {}
    for one in with_distinct_names([*opened, *listed]):
        other = micrographs.setdefault(one.name, one)
        if other is not one:
            message = f"{one.path}: shares its name with {other.path}; pick it into another folder"
            bad.append(MicrographResult.failure(one.path, message))
    return list(micrographs.values()), bad


def pick_all(
    picker: Picker, micrographs: Sequence[Micrograph], folder: OutputFolder
) -> Iterator[MicrographResult]:
    """Pick micrographs one by one, writing each one's files at once; yields what became of each.

    Those that are done, by a run before or by one at the same time, are not picked again.

    Raises
    ------
    OutputFolderError
        If the disk is full or the folder is lost: then the others would only be picked in vain.
    """
    for micrograph in micrographs:
        yield _pick(picker, micrograph, folder)


def _pick(picker: Picker, micrograph: Micrograph, folder: OutputFolder) -> MicrographResult:
    begun, start = folder.start(micrograph), time.perf_counter()
    settings = folder.settings
    try:
        if (done := folder.done(micrograph)) is not None:
            return done
        if begun.pixel_size_angstrom is None:
            raise MicrographError(
                f"{micrograph.path}: {micrograph.why_no_pixel_size()}; give it with `pixel_size`"
            )
        scaled = micrograph.with_pixel_size(begun.pixel_size_angstrom)
        picks = picker.pick_micrograph(scaled, settings.parameters)
        begun = replace(begun, seconds=time.perf_counter() - start, doubt=doubt(picks))
        result = folder.record(micrograph, begun, picks.above(settings.threshold))
    except OutputFolderError:
        raise
    except NameTakenError as error:
        return folder.fail(MicrographResult.failure(micrograph.path, str(error)))
    except HydraPickerError as error:
        return folder.fail(replace(begun, seconds=time.perf_counter() - start).failed(str(error)))
    except Exception as error:  # one micrograph must not stop five thousand; the trace is for a bug report
        logger.debug("%s cannot be picked", micrograph.path, exc_info=True)
        return folder.fail(
            begun.failed(
                f"{micrograph.path}: internal error: {type(error).__name__}: {error}; please report it with "
                "what `verbose` prints"
            )
        )
    logger.debug("%s: %d picks in %.1f s", result.name, result.n_picks, result.seconds or 0)
    return result
