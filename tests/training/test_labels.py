"""Labels from coordinate files, and whether they belong to a micrograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker import formats
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.labels import check_inside, read_labels

MICROGRAPH = Micrograph(Path("m.mrc"), (100, 300), 1.0)
CORNERS = [[-0.5, -0.5], [99.5, 299.5], [0, 299], [99, 0]]


def test_labels_are_matched_by_name(tmp_path: Path) -> None:
    written = Picks(np.array([[1.0, 2.0]]))
    formats.write({"m_DW": written, "n": written}, tmp_path, "star")
    (tmp_path / "summary.csv").write_text("micrograph,picks\n")
    spare = Micrograph(Path("spare.mrc"), (100, 300), 1.0)
    labels, match = read_labels(tmp_path, [spare, MICROGRAPH])
    assert labels[0] is None
    assert labels[1] is not None
    np.testing.assert_array_equal(labels[1].yx, written.yx)
    assert (match.left_only, [key.name for key in match.right_only]) == ([0], ["n"])
    formats.write({"m_DW": written}, tmp_path / "old", "star")
    with pytest.raises(
        ParameterError, match=r"which micrographs \(m\) belong to which picks in .* \(.*old/m_DW\)"
    ):
        read_labels(tmp_path, [MICROGRAPH])


def test_a_micrographs_height_turns_cryoppps_tables(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("X-Coordinate,Y-Coordinate\n10,20\n")
    labels, _ = read_labels(tmp_path / "m.csv", [MICROGRAPH])
    assert labels[0] is not None
    assert labels[0].yx.tolist() == [[80, 10]]


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
