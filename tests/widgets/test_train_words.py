"""What is said of corrections, new heads and suggestions."""

from __future__ import annotations

import pytest

from napari_hydrapicker.background.messages import CorrectedRef, MicrographRef, Trained
from napari_hydrapicker.training_set import Suggestion
from napari_hydrapicker.widgets.train_words import is_better, labels, reason, verdict


def test_corrections_are_counted() -> None:
    whole = CorrectedRef(MicrographRef(1, "a.mrc", 0, 1.5), ((1.0, 2.0),) * 1200, ((5.0, 6.0),), True)
    part = CorrectedRef(MicrographRef(2, "b.mrc", 0, 1.5), ((1.0, 2.0),), (), False)
    assert "key Q" in labels(())
    one = "1 complete and 0 partly corrected micrographs, 1,200 particles, 1 deleted picks"
    assert labels([whole]) == f"{one}. With a second one the new head can be compared with the old"
    both = "1 complete and 1 partly corrected micrographs, 1,201 particles, 1 deleted picks"
    assert labels([whole, part]) == both


@pytest.mark.parametrize(
    ("before", "after", "held_out", "better"),
    [(0.7, 0.8, True, True), (0.7, 0.7, True, False), (0.7, 0.8, False, False)],
)
def test_only_held_out_micrographs_tell_that_a_head_is_better(
    before: float, after: float, held_out: bool, better: bool
) -> None:
    trained = Trained(1, "mine", before, after, held_out, 9, 6.0)
    assert is_better(trained) is better
    assert ("is better" in verdict(trained)) is better
    assert ("no better" in verdict(trained)) is (held_out and not better)


def test_it_says_whether_the_head_is_in_use_and_what_else_there_is() -> None:
    worse = Trained(1, "mine", 0.8, 0.7, True, 9, 6.0, "It is not kept in a second place: disk full")
    assert verdict(worse).endswith("correct more, or try it. It is not kept in a second place: disk full")
    assert "not in use" not in verdict(worse, in_use=True)


def test_a_suggestion_is_explained() -> None:
    alone = reason("m7", Suggestion(3, 0.254))
    assert alone == "m7: about 25 wrong or missing picks in 100 are to be expected here"
    both = reason("m7", Suggestion(3, 0.254, 0.5))
    assert both == f"{alone}, and 50% of the picks are of one of the two heads only"
