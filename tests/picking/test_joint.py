"""Several pickers as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.io.coordinates.folder import Key
from napari_hydrapicker.io.edited_mask import EditedMask, MaskGrid
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.consensus import JOIN_DIAMETERS, ImportedPicks, JointPicker, consensus
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.picks import Picks

MICROGRAPH = Micrograph(Path("m1.mrc"), (200, 500), 2.0)
A = Picks(np.array([[20.0, 400.0], [100.0, 50.0], [150.0, 480.0]]), np.array([0.9, 0.6, 0.2]))
B = Picks(np.array([[24.0, 403.0], [60.0, 250.0]]), np.array([0.7, 0.8]))


@dataclass
class Fixed:
    """A picker that has made up its mind."""

    picks: Picks
    threshold: float

    def pick_micrograph(self, micrograph: Micrograph, parameters: PickParameters, floor: float = 0) -> Picks:
        self.asked = (micrograph, parameters)
        return self.picks


def pickers() -> dict[str, Fixed]:
    return {"hydra": Fixed(A, 0.5), "cgan": Fixed(B, 0.3)}


def test_it_is_the_consensus_of_what_each_shows() -> None:
    both = pickers()
    parameters = PickParameters(
        diameter_angstrom=100, border_angstrom=30, min_distance_angstrom=9, use_mask=False
    )
    found = JointPicker(both).pick_micrograph(MICROGRAPH, parameters)
    # 100 Angstrom are 50 pixels; the third pick of A is below its picker's threshold.
    expected = consensus({"hydra": A.above(0.5), "cgan": B}, JOIN_DIAMETERS * 50).picks
    np.testing.assert_array_equal(found.yx, expected.yx)
    np.testing.assert_array_equal(found.score, expected.score)
    assert len(found) == 3
    for one in both.values():
        assert one.asked == (MICROGRAPH, parameters)


def test_votes_are_counted_over_pickers_and_imported_picks() -> None:
    imported = ImportedPicks(Path("other"), {Key("", "m1"): Picks(np.array([[101.0, 51.0], [22.0, 398.0]]))})
    two = JointPicker(pickers(), imported, votes=2).pick_micrograph(
        MICROGRAPH, PickParameters(diameter_angstrom=100.0)
    )
    assert len(two) == 2
    three = JointPicker(pickers(), imported, votes=3).pick_micrograph(
        MICROGRAPH, PickParameters(diameter_angstrom=100.0)
    )
    np.testing.assert_allclose(three.yx, [[22.0, 400.3]], atol=2)
    assert 0 <= three.score[0] <= 1


def test_one_picker_and_imported_picks_will_do() -> None:
    imported = ImportedPicks(Path("other"), {Key("", "m1"): A})
    assert (
        len(
            JointPicker({"cgan": pickers()["cgan"]}, imported).pick_micrograph(
                MICROGRAPH, PickParameters(diameter_angstrom=100.0)
            )
        )
        >= 3
    )
    with pytest.raises(MicrographError, match="m2"):
        JointPicker(pickers(), imported).pick_micrograph(
            Micrograph(Path("m2.mrc"), (200, 500), 2.0), PickParameters(diameter_angstrom=100.0)
        )


@pytest.mark.parametrize("votes", [0, 3])
def test_more_votes_than_lists_are_refused(votes: int) -> None:
    with pytest.raises(ParameterError, match="from 1 to 2"):
        JointPicker(pickers(), votes=votes)


def test_one_list_is_no_consensus() -> None:
    with pytest.raises(ParameterError, match="two lists"):
        JointPicker({"hydra": pickers()["hydra"]})


def test_a_diameter_or_pixel_size_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="no pixel size"):
        JointPicker(pickers()).pick_micrograph(
            Micrograph(Path("m1.mrc"), (200, 500), None), PickParameters(diameter_angstrom=100.0)
        )


def test_where_the_user_painted_no_list_has_a_pick() -> None:
    left_out = np.zeros(MaskGrid.of(MICROGRAPH.shape).shape, np.bool_)
    left_out[:50, 380:420] = True  # (20, 400) of one, (24, 403) of the other, (22, 398) of the imported
    own = replace(MICROGRAPH, mask=EditedMask.from_left_out(left_out, MICROGRAPH.shape))
    imported = ImportedPicks(Path("other"), {Key("", "m1"): Picks(np.array([[101.0, 51.0], [22.0, 398.0]]))})
    joint, parameters = JointPicker(pickers(), imported), PickParameters(diameter_angstrom=100)
    assert sorted(joint.pick_micrograph(own, parameters).yx[:, 0].round()) == [60, 101]
    assert len(joint.pick_micrograph(MICROGRAPH, parameters)) == 3
    unmasked = parameters.model_copy(update={"use_mask": False})
    assert len(joint.pick_micrograph(own, unmasked)) == 3
