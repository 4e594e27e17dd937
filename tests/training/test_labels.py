"""Whether labels belong to a micrograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.data_sets import check_inside

MICROGRAPH = Micrograph(Path("m.mrc"), (100, 300), 1.0)
CORNERS = [[-0.5, -0.5], [99.5, 299.5], [0, 299], [99, 0]]


def test_labels_up_to_the_edges_belong_to_it() -> None:
    check_inside(Picks(np.array(CORNERS)), MICROGRAPH, Path("a"))
    check_inside(Picks(np.empty((0, 2))), MICROGRAPH, Path("a"))


@pytest.mark.parametrize("stray", [[-1, 5], [100, 5], [5, -1], [5, 300]])
def test_one_in_ten_may_lie_outside(stray: list[int]) -> None:
    nine = [[50, 50]] * 9
    check_inside(Picks(np.array([*nine, stray])), MICROGRAPH, Path("a"))
    with pytest.raises(
        ParameterError, match=r"^a: 1 of 9 positions lie outside the 100 x 300 pixels of m\.mrc"
    ):
        check_inside(Picks(np.array([*nine[:8], stray])), MICROGRAPH, Path("a"))
