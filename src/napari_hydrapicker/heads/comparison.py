"""Heads side by side: what each was made with, and how well it did."""

from __future__ import annotations

from dataclasses import dataclass

from napari_hydrapicker.heads.record import OF_MARKS, HeadRecord


@dataclass(frozen=True)
class FigureRow:
    """One figure of merit of several heads; None where a head's record does not have it."""

    figure: str
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Some heads in the order asked for."""

    records: tuple[HeadRecord, ...]

    @property
    def rows(self) -> list[FigureRow]:
        """All figures that any of the heads has, in the order of their first mention."""
        names = {
            name: None for one in self.records for name in (*one.figures_after, *one.figures_before)
        }  # a dictionary keeps the order
        return [
            FigureRow(
                name,
                tuple(one.figures_before.get(name) for one in self.records),
                tuple(one.figures_after.get(name) for one in self.records),
            )
            for name in names
        ]

    @property
    def same_body(self) -> bool:
        """Whether one network can use them all."""
        return len({one.parent for one in self.records}) < 2

    @property
    def same_measure(self) -> bool:
        """Whether their figures were measured on the same micrographs, known by their checksums.

        Those are the held-out ones, or all where none was held out; all of what is on them, or some marks.
        Only then do the figures say which of two heads is the better.
        """
        return len({_measured_on(one) for one in self.records}) < 2


def _measured_on(record: HeadRecord) -> tuple[str, bool, frozenset[str]]:
    marks = any(OF_MARKS in figure for figure in record.figures_after)
    held_out = frozenset(one.sha256 for one in record.micrographs if one.use == "validation")
    if held_out:
        return "validation", marks, held_out
    return "training", marks, frozenset(one.sha256 for one in record.micrographs)
