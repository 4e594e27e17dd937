"""Picking with a word on its progress, and what is said and kept however it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import typer

from napari_hydrapicker.cli.interruption import interruptible
from napari_hydrapicker.errors import ClusterError, MicrographError
from napari_hydrapicker.wording import by_number, counted

if TYPE_CHECKING:
    from napari_hydrapicker.io.micrograph import Micrograph
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.batch import Timings
    from napari_hydrapicker.picking.outputs import OutputFolder, Settings
    from napari_hydrapicker.picking.prepared_run import PreparedRun, RunOptions
    from napari_hydrapicker.picking.results import MicrographResult


logger = logging.getLogger(__name__)

Engine = Callable[
    ["Sequence[Micrograph]", "OutputFolder", "Timings"], "Generator[MicrographResult, None, None]"
]
"""What picks: see `picking.batch.pick_all`."""
_LISTED = 50
_PROGRESS_SECONDS = 60.0


def prepare(options: RunOptions, micrographs: Sequence[Micrograph]) -> PreparedRun:
    """Prepare a run as `prepared_run.prepared` does, and warn of what it has seen on the micrographs."""
    from napari_hydrapicker.picking.prepared_run import prepared

    ready = prepared(options, micrographs)
    for remark in ready.remarks:
        logger.warning(
            remark.replace("choose the contrast dark", "give --contrast dark").replace(
                "estimate it from more micrographs", "see `hydrapicker diameter`"
            )
        )
    return ready


def run(
    picker: Picker,
    micrographs: Sequence[Micrograph],
    folder: OutputFolder,
    unopened: Sequence[MicrographResult] = (),
    quiet: bool = False,
    engine: Engine | None = None,
) -> None:
    """Pick micrographs, write what holds all of them, and print what became of each.

    Parameters
    ----------
    picker, micrographs, folder
        See `picking.batch.pick_all`.
    unopened
        What could not be opened.
    quiet
        Whether to print nothing of what was picked.
    engine
        What picks in place of `picker` in this thread alone: threads, or a cluster.

    Raises
    ------
    MicrographError
        If a micrograph was not picked.
    OutputFolderError
        If the disk is full, or the folder is lost.
    ClusterError
        If the cluster is lost.
    CoordinateFileError
        If a table cannot be written.
    """
    from napari_hydrapicker.picking.manifest import OutputFolderError
    from napari_hydrapicker.picking.outputs import is_disk_full

    chosen = engine or partial(_in_turn, picker)
    micrographs, failures = folder.begin(micrographs, unopened)
    results = list(failures)
    how = "--resume in place of --overwrite" if folder.settings.overwrite else "--resume"

    def left() -> str:
        return done_of(folder.n_done(micrographs), len(micrographs))

    try:
        with interruptible(lambda: f"{left()}; the same command with {how} does the others"):
            _pick_and_report(chosen, micrographs, folder, results, quiet)
    except OutputFolderError as error:
        mend = "free disk space" if is_disk_full(error) else "put that right"
        raise OutputFolderError(
            f"{error}; {left()}: {mend}, then the same command with {how} goes on"
        ) from error
    except ClusterError as error:
        raise ClusterError(f"{error}; {left()}: the same command with {how} does the others") from error
    failed = [one for one in results if one.error]
    if failed:
        raise MicrographError(not_picked(len(failed), len(results)))


def _in_turn(
    picker: Picker, micrographs: Sequence[Micrograph], folder: OutputFolder, timings: Timings
) -> Generator[MicrographResult, None, None]:
    from napari_hydrapicker.picking import batch

    return batch.pick_all(picker, micrographs, folder, timings=timings)


def _pick_and_report(
    engine: Engine,
    micrographs: Sequence[Micrograph],
    folder: OutputFolder,
    results: list[MicrographResult],
    quiet: bool,
) -> None:
    from napari_hydrapicker.picking.batch import Timings

    timings = Timings()
    try:
        with (
            _progress(len(micrographs), quiet) as advance,
            closing(engine(micrographs, folder, timings)) as picked,  # nothing is written afterwards
        ):
            for result in picked:
                results.append(result)
                advance(result)
        folder.finish()
        logger.debug("%s", timings)
    finally:  # a run that was broken off keeps what it has
        written = False
        try:
            folder.write_tables()
            written = True
        finally:  # what was not picked is said even on a full disk
            report(results, folder.settings, written, quiet)


class ProgressLines:
    """Says once a minute how far a run is: for the log of a job on a cluster.

    Parameters
    ----------
    total
        Number of micrographs.
    """

    def __init__(self, total: int) -> None:
        self._total, self._done, self._picked, self._n_picks = total, 0, 0, 0
        self._begun = self._said = time.monotonic()

    def advance(self, result: MicrographResult) -> None:
        """Take note of one more micrograph; logs a line if it is time to."""
        self._done += 1
        if not result.earlier:
            self._picked += 1
            self._n_picks += result.n_picks
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS or self._done == self._total:
            return
        self._said = now
        each = (now - self._begun) / max(1, self._picked)
        logger.info(
            "%d of %s (%d %%), %s, %.1f s each, about %s left",
            self._done, counted(self._total, "micrograph"), 100 * self._done // self._total,
            counted(self._n_picks, "pick"), each, _duration(each * (self._total - self._done)),
        )  # fmt: skip


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{max(1, minutes)} min"


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[MicrographResult], None]]:
    """Show a bar on a terminal, where it leaves no trace, or else say a line a minute.

    Yields
    ------
    callable
        To be called after each micrograph.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield ProgressLines(total).advance
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("picking", total=total)
        yield lambda result: bar.advance(task)


def report(
    results: Sequence[MicrographResult], settings: Settings, written: bool = True, quiet: bool = False
) -> None:
    """Print a table of what was picked, unless `quiet`, and a line for each micrograph that was not.

    Nothing is said of the files where not all of them could be `written`.
    """
    from napari_hydrapicker.picking.base import DOUBTFUL  # with scipy, which `--help` need not wait for

    for result in results:
        if result.error:
            logger.warning("not picked: %s", result.error)
    picked = [result for result in results if not result.error]
    if quiet or not picked:
        return
    _print_table(picked[:_LISTED])
    if len(picked) > _LISTED:
        typer.echo(f"({len(picked) - _LISTED} more in summary.csv)")
    doubtful = [one for one in picked if one.doubt is not None and one.doubt > DOUBTFUL]
    if len(doubtful) > len(picked) / 2:
        logger.warning(
            "the picks on %d of %s are doubtful: is the diameter right (`hydrapicker diameter`), "
            "and are there particles?",
            len(doubtful), counted(len(picked), "micrograph"),
        )  # fmt: skip
    if written:
        formats = f"written as {', '.join(settings.formats)} to" if settings.formats else "kept in"
        part = "" if settings.shard is None else f", part {settings.shard}: see hydrapicker merge"
        typer.echo(
            f"{counted(sum(one.n_picks for one in picked), 'pick')} with FOM {settings.threshold:.2g} or "
            "more on "
            f"{counted(len(picked), 'micrograph')}, {formats} {settings.out}{part}"
        )


def _print_table(picked: Sequence[MicrographResult]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("micrograph", overflow="fold")
    for heading in ("picks", "mean FOM", "doubt", "seconds"):
        table.add_column(heading, justify="right")
    for one in picked:
        mean = "-" if one.mean_score is None else f"{one.mean_score:.2f}"
        doubt = "-" if one.doubt is None else f"{one.doubt:.2f}"
        seconds = "earlier" if one.earlier or one.seconds is None else f"{one.seconds:.1f}"
        table.add_row(one.name, str(one.n_picks), mean, doubt, seconds)
    Console().print(table)


def done_of(done: int, total: int) -> str:
    """Say how many micrographs of a run are done."""
    return f"{done} of {counted(total, 'micrograph')} {by_number(done, 'is', 'are')} done"


def not_picked(failed: int, total: int) -> str:
    """Say how many micrographs of a run could not be picked; the reasons were given before."""
    were = by_number(failed, "was", "were")
    return f"{failed} of {counted(total, 'micrograph')} {were} not picked (see above)"
