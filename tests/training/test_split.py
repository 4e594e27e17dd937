"""Which corrected micrographs judge a new head."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from napari_hydrapicker.training.split import Marked, held_out, is_gain


def whole(particles: int, name: str = "m") -> Marked:
    return Marked(particles, name, True)


def part(particles: int, name: str = "m") -> Marked:
    return Marked(particles, name, False)


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


@given(st.lists(st.builds(Marked, st.integers(0, 9), st.sampled_from("abc"), st.booleans()), max_size=20))
def test_something_is_always_left_to_train_on(marked: list[Marked]) -> None:
    chosen = held_out(marked)
    assert all(marked[i].particles for i in chosen)
    eligible = [i for i, one in enumerate(marked) if one.particles]
    assert len(set(chosen)) == len(chosen) < max(1, len(eligible))
    assert bool(chosen) == (len(eligible) > 1)


def test_it_does_not_load_torch() -> None:
    code = "import sys, napari_hydrapicker.training.split; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_gain_is_more_than_its_error() -> None:
    assert is_gain(0.7, 0.8, 0.05)
    assert not is_gain(0.7, 0.8, 0.15)
    assert not is_gain(0.7, 0.7, 0.0)
    assert not is_gain(0.8, 0.7, 0.05)
