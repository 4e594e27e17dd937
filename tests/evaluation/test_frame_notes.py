"""What an evaluation says where picks and truth are not in one frame."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.evaluation.frame_notes import frame_notes
from napari_hydrapicker.evaluation.report import Sample
from napari_hydrapicker.picks import Picks

SHAPE = (400, 700)


def sample(picks: np.ndarray, truth: np.ndarray) -> Sample:
    score = np.linspace(1, 0.1, len(picks))
    return Sample("m", "all", Picks(picks, score), Picks(truth), SHAPE, 1.5, 45.0)


@pytest.fixture
def yx() -> np.ndarray:
    return np.random.default_rng(0).uniform(5, 395, (40, 2)) * [1, 1.7]


def test_what_agrees_needs_no_word(yx: np.ndarray) -> None:
    assert frame_notes([sample(yx, yx + 1)], True) == []
    assert frame_notes([sample(yx[:3], yx * 2)], False) == [], "too few to say anything"


def test_truth_outside_the_micrographs_is_said(yx: np.ndarray) -> None:
    notes = frame_notes([sample(yx, yx * 2), sample(yx, yx)], True)
    outside = int(((yx * 2) > np.array(SHAPE)).any(axis=1).sum())
    assert notes[0] == (
        f"{outside} of 80 true positions lie outside their micrographs ({outside} on m, which has 400 x 700 "
        "pixels): "
        "were they made on a copy of another size?"
    )
    notes = frame_notes([sample(yx * 2, yx)], True)
    assert f"{outside} of 40 picks lie outside" in notes[0]
    assert "scaled by 2: if these are one frame and another, convert the truth with --scale 2" in notes[1]
    assert notes[1].endswith("or the picks with --scale 0.5 (hydrapicker convert)")


def test_positions_that_are_upside_down_or_swapped_are_said(yx: np.ndarray) -> None:
    turned = yx * [-1, 1] + [SHAPE[0] - 1, 0]
    [note] = frame_notes([sample(yx, turned)], True)
    assert "of 40 true positions lie on a pick, but 40 turned upside down" in note
    assert "convert the truth with --flip-y, or the picks with --flip-y" in note
    assert frame_notes([sample(yx, turned)], False) == [], "without the height nothing can be turned over"
    [note] = frame_notes([sample(yx, yx[:, ::-1])], False)
    assert "with x and y swapped" in note


def test_thousands_of_bad_picks_hit_everything_and_prove_nothing(yx: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    picks = rng.uniform(0, 1, (3000, 2)) * SHAPE
    assert frame_notes([sample(picks, yx)], True) == []
