"""Picking many micrographs into a folder: one bad file does not stop the others, a lost folder does.

While the network picks one micrograph, threads read and prepare the next ones, and others draw and write the
results of the last ones. No more than a few are under way, so memory stays the same however many there are.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, runtime_checkable

from napari_hydrapicker.errors import HydraPickerError, MicrographError, out_of_memory_message
from napari_hydrapicker.io.micrograph import Micrograph, open_micrographs, with_distinct_names
from napari_hydrapicker.picking.base import MIN_SCORE, Picker, doubt
from napari_hydrapicker.picking.manifest import OutputFolderError
from napari_hydrapicker.picking.outputs import NameTakenError, OutputFolder
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

logger = logging.getLogger(__name__)

WITH_LOG = " with what `verbose` prints"  # at the end of what should be reported
_MOST_THREADS = 8  # more do not read faster from one disk
_P = ParamSpec("_P")
_T = TypeVar("_T")


@runtime_checkable
class StagedPicker(Protocol):
    """A picker whose work is in two parts, the first of which needs no network and can go ahead.

    `pick_prepared` of what `prepare_micrograph` returns is `Picker.pick_micrograph`.
    """

    def prepare_micrograph(self, micrograph: Micrograph, parameters: PickParameters) -> Any:
        """Read a micrograph and bring it to what the network is shown, in any thread."""
        ...

    def pick_prepared(self, prepared: Any, parameters: PickParameters, floor: float = MIN_SCORE) -> Picks:
        """Pick what was prepared, in the thread that the network is used in."""
        ...


@dataclass
class Timings:
    """Where the time of a run went, seconds.

    Attributes
    ----------
    prepare, write
        Reading and preparing, drawing and writing, in all threads and processes together.
    network
        In which networks were at work.
    networks
        How many there were.
    wall
        From the beginning to the end.
    """

    prepare: float = 0.0
    network: float = 0.0
    write: float = 0.0
    wall: float = 0.0
    networks: int = 1

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take the time."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - start

    def __str__(self) -> str:
        share = 100 * self.network / max(self.wall * self.networks, 1e-9)
        return (
            f"network at work {share:.0f} % of {self.wall:.1f} s; beside it {self.prepare:.1f} s of reading "
            f"and preparing, {self.write:.1f} s of drawing and writing"
        )


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


def default_threads(device: str) -> int:
    """How many threads should prepare micrographs for a network on a device: one where it has all cores."""
    return 1 if device == "cpu" else max(1, min(_MOST_THREADS, (os.cpu_count() or 2) - 1))


def most_under_way(threads: int) -> int:
    """How many micrographs a run with so many threads is at: being read, at the network, being written."""
    return 2 * (1 + 2 * threads)


def pick_all(
    picker: Picker,
    micrographs: Iterable[Micrograph],
    folder: OutputFolder,
    threads: int = 0,
    timings: Timings | None = None,
) -> Generator[MicrographResult, None, None]:
    """Pick micrographs, writing each one's files at once; yields what became of each, in their order.

    Those that are done, by a run before or by one at the same time, are not picked again. Close the iterator
    (`contextlib.closing`) before what depends on the results is written: until then some are being written.

    Parameters
    ----------
    picker
        Used in the caller's thread alone, but for `StagedPicker.prepare_micrograph`.
    micrographs
        Taken from as they are needed.
    folder
        Begun.
    threads
        How many prepare micrographs ahead of the network, and as many write behind it; 0: none, one
        micrograph is done before the next is begun.
    timings
        To be added to.

    Raises
    ------
    OutputFolderError
        If the disk is full or the folder is lost: then the others would only be picked in vain.
    """
    timings = timings or Timings()
    loaders, writers = _executor(threads, "load"), _executor(threads, "write")
    loading: deque[Future[Step]] = deque()
    writing: deque[Future[Step]] = deque()
    remaining = iter(micrographs)

    def finished(most: int) -> Iterator[MicrographResult]:
        """Results that are written, and those without which more than `most` would be under way."""
        while writing and (len(writing) > most or writing[0].done()):
            step = writing.popleft().result()
            timings.write += step.write_seconds
            assert step.result is not None
            yield step.result

    try:
        with timings.running():
            while True:
                for micrograph in islice(remaining, 1 + 2 * threads - len(loading)):
                    loading.append(loaders.submit(_load, picker, micrograph, folder))
                if not loading:
                    break
                step = loading.popleft().result()
                predict(picker, step, folder.settings.parameters)
                timings.prepare += step.prepare_seconds
                timings.network += step.network_seconds
                writing.append(writers.submit(write, step, folder))
                del step  # its image is large
                yield from finished(2 * threads)
            yield from finished(0)
    finally:
        loaders.shutdown(cancel_futures=True)
        writers.shutdown()  # what is picked is kept


@dataclass(eq=False)
class Step:
    """A micrograph on its way through `look`, `prepare`, `predict` and `write`.

    Attributes
    ----------
    micrograph
        What is picked.
    begun
        Its result, as far as it is known.
    prepared
        What the network is to be shown.
    picks
        What it has found, from the least probability on.
    failure
        Why there are no picks.
    result
        What became of it, once that is noted.
    prepare_seconds, network_seconds, write_seconds
        What it took.
    """

    micrograph: Micrograph
    begun: MicrographResult
    prepared: Any = None
    picks: Picks | None = None
    failure: MicrographResult | None = None
    result: MicrographResult | None = None
    prepare_seconds: float = 0.0
    network_seconds: float = 0.0
    write_seconds: float = 0.0


def prepare(picker: Picker, step: Step, parameters: PickParameters) -> None:
    """Read a micrograph and prepare it, as far as the picker can without its network."""
    start = time.perf_counter()
    with _attempt(step):
        scaled = _with_known_pixel_size(step.micrograph, step.begun)
        if isinstance(picker, StagedPicker):
            step.prepared = picker.prepare_micrograph(scaled, parameters)
        else:
            step.prepared = scaled
    step.prepare_seconds += time.perf_counter() - start


def predict(picker: Picker, step: Step, parameters: PickParameters) -> None:
    """Pick what is prepared; nothing is done where that failed."""
    prepared, step.prepared = step.prepared, None
    if prepared is None:
        return
    start = time.perf_counter()
    with _attempt(step):
        if isinstance(picker, StagedPicker):
            step.picks = picker.pick_prepared(prepared, parameters)
        else:
            step.picks = picker.pick_micrograph(prepared, parameters)
        step.begun = replace(step.begun, doubt=doubt(step.picks))
    step.network_seconds = time.perf_counter() - start
    step.begun = replace(step.begun, seconds=step.prepare_seconds + step.network_seconds)


def look(micrograph: Micrograph, folder: OutputFolder) -> Step:
    """Begin with a micrograph: it has a result if it is done already."""
    start = time.perf_counter()
    step = Step(micrograph, folder.start(micrograph))
    with _attempt(step):
        step.result = folder.done(micrograph)
    step.prepare_seconds = time.perf_counter() - start
    return step


def write(step: Step, folder: OutputFolder, files: Mapping[str, bytes] | None = None) -> Step:
    """Write and note what came of a micrograph, with its files if they are made already."""
    start = time.perf_counter()
    if step.picks is not None:
        with _attempt(step):
            picks = step.picks.above(folder.settings.threshold)
            result = step.result = folder.record(step.micrograph, step.begun, picks, files)
            logger.debug(
                "%s: %s in %.1f s", result.name, counted(result.n_picks, "pick"), result.seconds or 0
            )
    if step.failure is not None:
        step.result = folder.fail(replace(step.failure, seconds=step.begun.seconds))
    step.picks = None
    step.write_seconds = time.perf_counter() - start
    return step


def _load(picker: Picker, micrograph: Micrograph, folder: OutputFolder) -> Step:
    step = look(micrograph, folder)
    if step.result is None and step.failure is None:
        prepare(picker, step, folder.settings.parameters)
    return step


@contextmanager
def _attempt(step: Step) -> Iterator[None]:
    """Do a part of the work; what goes wrong with this micrograph alone becomes its failure."""
    try:
        yield
    except OutputFolderError:
        raise
    except Exception as error:  # one micrograph must not stop five thousand
        step.failure = failure_of(step.micrograph, step.begun, error)


def failure_of(micrograph: Micrograph, begun: MicrographResult, error: Exception) -> MicrographResult:
    """Return the result of a micrograph that an error kept from being picked."""
    if isinstance(error, NameTakenError):
        return MicrographResult.failure(micrograph.path, str(error))
    if isinstance(error, HydraPickerError):
        return begun.failed(str(error))
    if short := out_of_memory_message(error):
        return begun.failed(f"{micrograph.path}: {short}")
    # The trace is for a bug report.
    logger.debug("%s cannot be picked", micrograph.path, exc_info=error)
    return begun.failed(
        f"{micrograph.path}: internal error: {type(error).__name__}: {error}; please report it{WITH_LOG}"
    )


def _with_known_pixel_size(micrograph: Micrograph, begun: MicrographResult) -> Micrograph:
    """Return a micrograph with the pixel size that it is picked at.

    Raises
    ------
    MicrographError
        If none is known.
    """
    if begun.pixel_size_angstrom is None:
        raise MicrographError(
            f"{micrograph.path}: {micrograph.why_no_pixel_size()}; give it with `pixel_size`"
        )
    return micrograph.with_pixel_size(begun.pixel_size_angstrom)


class _AtOnce(Executor):
    """Does what it is asked while it is asked, in the caller's thread."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Return what is done already."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _executor(threads: int, name: str) -> Executor:
    return ThreadPoolExecutor(threads, name) if threads else _AtOnce()
