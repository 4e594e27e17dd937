"""Which micrographs of a folder of picks are kept: those within ranges of their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_hydrapicker.io.ctf import read_figures
from napari_hydrapicker.io.image_info import ListedFigures
from napari_hydrapicker.io.lists import list_without
from napari_hydrapicker.io.names import NameFinder, match_names
from napari_hydrapicker.picking.worth import ColumnRange, Values, check_known, listed_values
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True)
class Selection:
    """What became of micrographs.

    Attributes
    ----------
    kept : tuple of str
        Names of those with picks that are kept.
    listed_only : tuple of str
        Names of those that are within the ranges, but have no picks here.
    excluded : tuple of str
        Names of those that lie outside of a range, as the picks or the lists have them.
    reasons : tuple of (ColumnRange, int)
        The ranges, and how many micrographs lie outside of each and of none before it.
    unknown : int
        How many are kept though a number is not known of them.
    """

    kept: tuple[str, ...]
    listed_only: tuple[str, ...]
    excluded: tuple[str, ...]
    reasons: tuple[tuple[ColumnRange, int], ...]
    unknown: int

    def list_without_excluded(self, listing: Path) -> tuple[bytes, int]:
        """Return a list without the excluded micrographs, and how many rows it has less: `list_without`."""
        excluded = set(self.excluded)
        # Of all names: one that is kept may differ from an excluded one in its folder alone.
        finder = NameFinder({name: name for name in (*self.kept, *self.listed_only, *self.excluded)})

        def is_excluded(name: str) -> bool:
            found = finder.candidates(name)
            return bool(found) and excluded.issuperset(found)

        return list_without(listing, is_excluded)


def select_micrographs(
    picks: Mapping[str, Picks],
    noted: Mapping[str, Values],
    lists: Sequence[Path],
    ranges: Sequence[ColumnRange],
) -> Selection:
    """Choose micrographs by ranges of their numbers.

    Parameters
    ----------
    picks
        By the micrographs' names.
    noted
        What picking noted of micrographs (`tables.read_worth`).
    lists
        Other programs' lists, which state more of them; the last that states a number counts.
    ranges
        A micrograph that lies outside of one is excluded; one whose number is not known does not.

    Raises
    ------
    CoordinateFileError
        If a list cannot be read.
    ParameterError
        If a number is known of no micrograph, or it cannot be told which row of a list belongs to which.
    """
    stated: dict[str, ListedFigures] = {}
    for path in lists:
        stated |= read_figures(path)
    values: dict[str, Values] = {name: _of_picks(own) for name, own in picks.items()}
    for own, what in ((noted, "the summary"), (_as_values(stated), "the lists")):
        match = match_names({name: name for name in values}, {name: name for name in own})
        match.check_unambiguous("picks", f"micrographs in {what}")
        for name, other in match.pairs:
            values[name] = {**values[name], **own[other]}
        values |= {name: own[name] for name in match.right_only}
    check_known(ranges, list(values.values()))
    first = {name: next((one for one in ranges if one.excludes(own)), None) for name, own in values.items()}
    counts = Counter(one for one in first.values() if one is not None)
    inside = [name for name, why in first.items() if why is None]
    unknown = sum(any(np.isnan(values[name].get(one.column, np.nan)) for one in ranges) for name in inside)
    return Selection(
        tuple(name for name in inside if name in picks),
        tuple(name for name in inside if name not in picks),
        tuple(name for name, why in first.items() if why is not None),
        tuple((one, counts[one]) for one in ranges),
        unknown,
    )


def _of_picks(picks: Picks) -> Values:
    scores = picks.score[np.isfinite(picks.score)].astype(np.float64)
    return {"picks": float(len(picks)), **({"mean_score": float(scores.mean())} if len(scores) else {})}


def _as_values(stated: Mapping[str, ListedFigures]) -> dict[str, Values]:
    known = {name: listed_values(one) for name, one in stated.items()}
    return {
        name: {column: value for column, value in own.items() if not np.isnan(value)}
        for name, own in known.items()
    }
