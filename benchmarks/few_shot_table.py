"""What few_shot.py prints: a line for each head, and for each target the mean over the draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_hydrapicker.training.annotated_micrograph import is_gain


@dataclass(frozen=True)
class Row:
    """A head on the test micrographs of one target under one draw of its conditions.

    Attributes
    ----------
    seed, drawn
        That was asked for, and that the conditions are drawn with.
    how
        "zero-shot", "few-shot N" or "scratch N", from N micrographs.
    gain, error
        AP less that of the generic head, and its standard error.
    held_before, held_after, held_error
        AP of the generic and of this head on the held-out micrograph, if there was one, and the standard
        error of their difference.
    """

    target: str
    seed: int
    drawn: int
    how: str
    ap: float
    aroc: float
    seconds: float = 0.0
    gain: float = 0.0
    error: float = 0.0
    held_before: float | None = None
    held_after: float | None = None
    held_error: float = 0.0

    @property
    def used(self) -> bool:
        """Whether the window takes it: not where the held-out micrograph speaks against it."""
        if self.held_before is None or self.held_after is None:
            return True
        return is_gain(self.held_before, self.held_after, self.held_error)


def line(row: Row) -> str:
    """One head."""
    text = f"{row.target:8} {row.drawn:4} {row.how:12} AP {row.ap:.3f}  AROC {row.aroc:.3f}"
    if row.how == "zero-shot":
        return text
    text += f"  ({row.seconds:.0f} s)  gain {row.gain:+.4f} +- {row.error:.4f}"
    if row.held_before is not None and row.held_after is not None:
        text += f"  held out {row.held_before:.4f} -> {row.held_after:.4f}"
    return text


def _mean(name: str, how: str, rows: Sequence[Row]) -> str:
    ap, aroc, gain = np.mean([(row.ap, row.aroc, row.gain) for row in rows], axis=0)
    text = f"{name:8} {how:12} AP {ap:.3f}  AROC {aroc:.3f}"
    if how == "zero-shot":
        return text
    error = float(np.sqrt(np.sum([row.error**2 for row in rows]))) / len(rows)
    used = float(np.mean([row.gain if row.used else 0.0 for row in rows]))
    taken = sum(row.used for row in rows)
    return f"{text}  gain {gain:+.4f} +- {error:.4f}  used {used:+.4f} ({taken} of {len(rows)})"


def summary(rows: Sequence[Row]) -> str:
    """The mean over the draws for each target, and over everything."""
    ways = list(dict.fromkeys(row.how for row in rows))
    targets = sorted({row.target for row in rows})
    lines = ["", "means over the draws of each target"]
    for how in ways:
        of = [row for row in rows if row.how == how]
        lines += [_mean(name, how, [row for row in of if row.target == name]) for name in targets]
        lines.append(_mean("mean", how, of))
    return "\n".join(lines)
