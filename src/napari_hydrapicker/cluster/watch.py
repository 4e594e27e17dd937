"""Picking micrographs as they appear, for as long as a microscope runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from napari_hydrapicker.cluster.arrivals import Arrivals
from napari_hydrapicker.cluster.timeline import Timeline
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking import batch
from napari_hydrapicker.picking.base import Picker
from napari_hydrapicker.picking.outputs import OutputFolder
from napari_hydrapicker.picking.results import MicrographResult, source_of
from napari_hydrapicker.wording import counted

logger = logging.getLogger(__name__)

_SUMMARY_SECONDS = 60.0  # between two drawings of what has been picked, and lines about it

Begin = Callable[[Sequence[Micrograph]], tuple[Picker, OutputFolder]]


class Watch:
    """Picks what arrives into a folder of picks.

    Nothing is kept of a micrograph but its line in the folder's manifest.

    Parameters
    ----------
    arrivals
        What is watched.
    begin
        Loads the picker, and makes the folder, when the first micrographs are there: contrast is looked for
        on them.
    """

    def __init__(self, arrivals: Arrivals, begin: Begin) -> None:
        self._arrivals, self._begin = arrivals, begin
        self._running: tuple[Picker, OutputFolder, Timeline] | None = None
        self._summed = time.monotonic()
        self.n_picked = self.n_failed = self.n_picks = 0

    def run(self, every_seconds: float, idle_seconds: float | None = None) -> None:
        """Look every so many seconds, and pick; end when nothing has come for `idle_seconds`, None for never.

        Raises
        ------
        OutputFolderError
            If the disk is full or the folder is lost.
        HydraPickerError
            If the picker cannot be loaded, or the folder was picked with other options.
        """
        last = time.monotonic()
        while idle_seconds is None or time.monotonic() - last < idle_seconds:
            arrived = self._arrivals.look()
            if arrived:
                self._pick(arrived)
                last = time.monotonic()
            if time.monotonic() - self._summed >= _SUMMARY_SECONDS:
                self._sum_up()
            time.sleep(every_seconds)

    @property
    def unfinished(self) -> dict[Path, str]:
        """Files that have been begun, or named, but are not whole, and why they are not taken for that."""
        return self._arrivals.unfinished

    def close(self) -> None:
        """Write summary and picture; raises CoordinateFileError if they cannot be."""
        if self._running is not None:
            _, folder, timeline = self._running
            folder.write_tables()
            timeline.draw()

    def _pick(self, arrived: Sequence[Micrograph]) -> None:
        if self._running is None:
            picker, folder = self._begin(arrived)
            folder.begin([])  # what is to come nobody knows yet
            self._running = picker, folder, Timeline(folder.settings.out)
        picker, folder, timeline = self._running
        for result in batch.pick_all(picker, _named(arrived, folder), folder):
            self._record(result, timeline)

    def _record(self, result: MicrographResult, timeline: Timeline) -> None:
        if result.error:
            self.n_failed += 1
            logger.warning("not picked: %s", result.error)
            return
        self.n_picked += not result.earlier
        self.n_picks += 0 if result.earlier else result.n_picks
        timeline.add(result)
        if time.monotonic() - self._summed >= _SUMMARY_SECONDS:
            self._sum_up()

    def _sum_up(self) -> None:
        self._summed = time.monotonic()
        logger.info(
            "%s and %s so far; not finished: %s",
            counted(self.n_picked, "micrograph"), counted(self.n_picks, "pick"),
            counted(len(self._arrivals.unfinished), "file"),
        )  # fmt: skip
        self.close()


def _named(arrived: Sequence[Micrograph], folder: OutputFolder) -> list[Micrograph]:
    """Give micrographs as many of their folders for a name as tell them from those that came before."""
    taken: dict[str, str] = {}
    named = []
    for micrograph in arrived:
        source, parts = source_of(micrograph), micrograph.full_name.split("/")
        names = [replace(micrograph, folder="/".join(parts[i:-1])) for i in range(len(parts) - 1, -1, -1)]
        for one in names:
            before = folder.manifest.picked.get(one.name)
            if taken.setdefault(one.name, source if before is None else before.source) == source:
                break
        named.append(one)
    return named
