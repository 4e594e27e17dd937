"""What an evaluation says where picks and truth do not seem to mean the same coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from napari_hydrapicker.evaluation.matching import QUARTER_DIAMETER
from napari_hydrapicker.evaluation.report import Sample
from napari_hydrapicker.io.coordinates.frame_check import READINGS, Reading
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import counted

_MIN_POSITIONS = 10
_MIN_SHARE = 0.4  # of the true positions that another reading must put on a pick
_MIN_GAIN = 0.25  # and as read does not


def frame_notes(samples: Sequence[Sample], shapes_known: bool) -> list[str]:
    """Say if positions lie outside their micrographs, and if the truth would fit the picks in another
    reading.

    Parameters
    ----------
    samples : sequence of Sample
        What is evaluated.
    shapes_known : bool
        Whether the samples' shapes are the micrographs' own; if they were guessed from the positions, none
        lies outside, and nothing can be turned over.
    """
    warnings = []
    if shapes_known:
        for what, of in (("true positions", "truth"), ("picks", "picks")):
            warnings += _outside(samples, what, of)
    warnings += _other_reading(samples, shapes_known)
    return warnings


def _outside(samples: Sequence[Sample], what: str, of: str) -> list[str]:
    counts = [_n_outside(getattr(one, of), one.shape) for one in samples]
    if not sum(counts):
        return []
    worst = samples[int(np.argmax(counts))]
    total = sum(len(getattr(one, of)) for one in samples)
    rows, cols = worst.shape
    return [
        (
            f"{sum(counts)} of {total} {what} lie outside their micrographs ({max(counts)} on {worst.name}, "
            "which has "
            f"{rows} x {cols} pixels): were they made on a copy of another size?"
        )
    ]


def _n_outside(picks: Picks, shape: tuple[int, int]) -> int:
    # A position on the very edge may be rounded over it.
    return int(((picks.yx < -1) | (picks.yx > np.array(shape))).any(axis=1).sum())


def _other_reading(samples: Sequence[Sample], shapes_known: bool) -> list[str]:
    """Compare how many true positions lie on a pick as read and in every other reading."""
    best_picks = [
        replace(one, picks=_best_picks(one)) for one in samples if len(one.truth) and len(one.picks)
    ]
    total = sum(len(one.truth) for one in best_picks)
    if total < _MIN_POSITIONS:
        return []
    readings = [one for one in READINGS if shapes_known or not one.flip_y]
    hits = {reading: sum(_hits(one, reading) for one in best_picks) for reading in readings}
    best = max(readings, key=lambda one: hits[one])
    if best.as_read or hits[best] < max(_MIN_SHARE, _by_chance(best_picks) * 2) * total:
        return []
    if hits[best] - hits[Reading()] < _MIN_GAIN * total:
        return []
    convert = f"convert the truth with {best.options}"
    if sum([best.flip_y, best.swap, best.scale != 1]) == 1:  # what is undone by itself, or by the inverse
        convert += f", or the picks with {replace(best, scale=1 / best.scale).options}"
    return [
        (
            f"{hits[Reading()]} of {counted(total, 'true position')} lie on a pick, but {hits[best]} "
            f"{best.description}: if these are one frame and another, {convert} (hydrapicker convert)"
        )
    ]


def _best_picks(sample: Sample) -> Picks:
    """As many picks as there are particles and half as many again: thousands of bad ones would hit "
    "anything."""
    return sample.picks.sorted().select(np.arange(min(len(sample.picks), len(sample.truth) * 3 // 2 + 1)))


def _hits(sample: Sample, reading: Reading) -> int:
    truth = reading.apply(sample.truth, sample.shape).yx
    nearest = cKDTree(sample.picks.yx).query(truth)[0]
    return int((nearest <= QUARTER_DIAMETER * sample.diameter_px).sum())


def _by_chance(samples: Sequence[Sample]) -> float:
    """Share of the area that lies on a pick."""
    covered = sum(len(one.picks) * np.pi * (QUARTER_DIAMETER * one.diameter_px) ** 2 for one in samples)
    return float(covered / sum(one.shape[0] * one.shape[1] for one in samples))
