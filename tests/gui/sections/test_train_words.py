"""What is said of corrections, new heads and suggestions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.gui.sections.train import is_better, labels, reason, verdict
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.project.training_set import Suggestion
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.worker.messages import Trained


def annotated(particles: int, deleted: int, complete: bool) -> AnnotatedMicrograph:
    micrograph = Micrograph(Path("a.mrc"), (30, 50), 1.5)
    return AnnotatedMicrograph(micrograph, np.ones((particles, 2)), np.ones((deleted, 2)), complete)


WHOLE = annotated(1200, 1, complete=True)
PART = annotated(1, 0, complete=False)
ERASED = annotated(0, 2, complete=False)


def test_corrections_are_counted_and_it_is_said_what_counts() -> None:
    assert "key Q" in labels(())
    one = "1 complete: 1,200 particles, 1 deleted pick"
    alone = "None is held out for validation: that needs a second one with particles"
    assert labels([WHOLE]) == f"{one}. {alone}"
    assert labels([WHOLE, PART, ERASED], ["b"]) == (
        f"{one}; 2 partly corrected: 1 particle, 2 deleted picks. Of partly corrected ones, only what you "
        "added, moved or deleted counts. Held out for validation: b"
    )
    assert labels([WHOLE] * 25, list("abcde")).endswith("for validation: a, b, c and 2 more")


def test_deleted_picks_alone_are_not_enough() -> None:
    said = labels([ERASED])
    assert said.startswith("1 partly corrected: 0 particles, 2 deleted picks")
    assert "no particles to learn from" in said
    assert "held out" not in said


@pytest.mark.parametrize(
    ("before", "after", "held_out", "better"),
    [(0.7, 0.8, True, True), (0.7, 0.7, True, False), (0.8, 0.7, True, False), (0.7, 0.8, False, False)],
)
def test_only_held_out_micrographs_tell_that_a_head_is_better(
    before: float, after: float, held_out: bool, better: bool
) -> None:
    trained = Trained(1, "mine", before, after, held_out, 9, 6.0)
    assert is_better(trained) is better
    assert ("is better" in verdict(trained)) is better
    assert ("no better" in verdict(trained)) is (held_out and not better)


def test_a_gain_within_chance_is_offered_as_such() -> None:
    chance = Trained(1, "mine", 0.7, 0.72, True, 9, 6.0, ap_error=0.03)
    assert not is_better(chance)
    assert "0.700 before, 0.720 now, a difference that may be chance (±0.030)" in verdict(chance)
    assert "not clearly better than the generic head, and is not in use: correct more, or try it" in (
        verdict(chance)
    )
    assert is_better(Trained(1, "mine", 0.7, 0.74, True, 9, 6.0, ap_error=0.03))


@pytest.mark.parametrize("held_out", [True, False])
def test_marks_alone_do_not_tell_which_head_is_better(held_out: bool) -> None:
    trained = Trained(1, "mine", 0.4, 0.9, held_out, 9, 6.0, "", marks_only=True)
    assert not is_better(trained)
    assert "AP on the marks of " in verdict(trained)
    assert "use it and look" in verdict(trained)
    assert "use it and look" not in verdict(trained, in_use=True)
    assert "generic head" not in verdict(trained)


def test_it_says_whether_the_head_is_in_use_and_what_else_there_is() -> None:
    worse = Trained(1, "mine", 0.8, 0.7, True, 9, 6.0, "It is not kept in a second place: disk full")
    assert verdict(worse).endswith("correct more, or try it. It is not kept in a second place: disk full")
    assert "not in use" not in verdict(worse, in_use=True)


def test_a_suggestion_is_explained() -> None:
    alone = reason("m7", Suggestion(3, 0.254))
    assert alone == "m7: about 25 wrong or missing picks in 100 are expected here"
    both = reason("m7", Suggestion(3, 0.254, 0.5))
    assert both == f"{alone}, and 50% of the picks are by only one of the two heads"
