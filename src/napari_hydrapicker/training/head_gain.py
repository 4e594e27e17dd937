"""How far chance goes where two heads are compared on a few held-out particles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from napari_hydrapicker.training.head_validation import HeadScores, together

UNKNOWN: Final = 1.0  # no two average precisions differ by more


def gain_error(before: Sequence[HeadScores], after: Sequence[HeadScores]) -> float:
    """Standard error of the difference of two heads' AP, by leaving out one part after the other (jackknife).

    Parameters
    ----------
    before, after
        Scores of the two heads on the same parts, in the same order: tiles (`head_validation.score_tiles`),
        or whole micrographs.

    Returns
    -------
    float
        `UNKNOWN` where there are less than two.
    """
    n = len(before)
    if n < 2:
        return UNKNOWN
    kept = [[i for i in range(n) if i != without] for without in range(n)]
    gains = [together([after[i] for i in some]).ap - together([before[i] for i in some]).ap for some in kept]
    return float(np.sqrt((n - 1) * np.var(gains)))
