"""What a user said of micrographs, and which of them judge a new head."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph, held_out, is_gain


def annotated(particles: int, name: str, complete: bool) -> AnnotatedMicrograph:
    micrograph = Micrograph(Path(f"{name}.mrc"), (30, 50), 1.5)
    return AnnotatedMicrograph(micrograph, np.ones((particles, 2)), np.empty((0, 2)), complete)


def whole(particles: int, name: str = "m") -> AnnotatedMicrograph:
    return annotated(particles, name, True)


def part(particles: int, name: str = "m") -> AnnotatedMicrograph:
    return annotated(particles, name, False)


def test_one_with_particles_is_trained_on() -> None:
    assert held_out([]) == held_out([part(3)]) == held_out([part(0), whole(5)]) == []


def test_the_middle_one_is_held_out() -> None:
    assert held_out([whole(9), whole(1), whole(4)]) == [2]
    assert held_out([part(9), part(4)]) == [1], "the richer one is for training"
    assert held_out([whole(4, "b"), whole(4, "a")]) == [1]


def test_complete_ones_judge_where_there_are_two() -> None:
    assert held_out([part(5), whole(90), part(8)]) == [2]
    assert held_out([part(5), whole(90), part(8), whole(80)]) == [3]
    assert held_out([part(5), whole(90), part(8), whole(0)]) == [2], "one has nothing to be found"


def test_one_in_five_but_never_all_complete_ones() -> None:
    assert held_out([whole(n) for n in range(1, 11)]) == [4, 5]
    assert held_out([part(n) for n in range(1, 14)] + [whole(90), whole(80)]) == [14]


@given(st.lists(st.builds(annotated, st.integers(0, 9), st.sampled_from("abc"), st.booleans()), max_size=20))
def test_something_is_always_left_to_train_on(marked: list[AnnotatedMicrograph]) -> None:
    chosen = held_out(marked)
    assert all(len(marked[i].yx) for i in chosen)
    eligible = [i for i, one in enumerate(marked) if len(one.yx)]
    assert len(set(chosen)) == len(chosen) < max(1, len(eligible))
    assert bool(chosen) == (len(eligible) > 1)


def test_it_does_not_load_torch() -> None:
    code = "import sys, napari_hydrapicker.training.annotated_micrograph; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_gain_is_more_than_its_error() -> None:
    assert is_gain(0.7, 0.8, 0.05)
    assert not is_gain(0.7, 0.8, 0.15)
    assert not is_gain(0.7, 0.7, 0.0)
    assert not is_gain(0.8, 0.7, 0.05)


def test_it_is_written_and_read_the_same() -> None:
    adapter = TypeAdapter(AnnotatedMicrograph)
    one = AnnotatedMicrograph(
        Micrograph(Path("a/s.mrcs"), (30, 50), 1.5, frame=1, n_frames=3, folder="a"),
        np.array([[1.5, 40.25], [3.0, 4.0]]), np.empty((0, 2)), complete=False,
    )  # fmt: skip
    values = json.loads(json.dumps(adapter.dump_python(one), default=str))
    read = adapter.validate_python(values)
    assert read == one
    assert read.yx.shape == (2, 2)
    assert read.negative_yx.shape == (0, 2)
    assert read != replace(one, yx=one.yx[:, ::-1])
    assert read != replace(one, complete=True)


@pytest.mark.parametrize("yx", [[[1.0]], [["a", 2]], [[float("nan"), 2.0]], None, {}])
def test_what_is_no_place_is_refused(yx: object) -> None:
    values = {"micrograph": Micrograph(Path("a.mrc"), (30, 50), 1.5), "yx": yx, "negative_yx": []}
    with pytest.raises((ParameterError, ValidationError)):
        TypeAdapter(AnnotatedMicrograph).validate_python(values)
