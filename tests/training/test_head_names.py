"""From names of data sets to names of heads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import check_head_name
from napari_hydrapicker.training.assembly import head_names


def test_names_that_are_names_stay() -> None:
    assert head_names(["1oel", "procedural-1000", "EMPIAR_10017"]) == [
        "1oel",
        "procedural-1000",
        "EMPIAR_10017",
    ]


def test_equal_data_sets_share_a_head_and_different_ones_do_not() -> None:
    assert head_names(["my set", "1qvr", "my-set", "1qvr", "my set"]) == [
        "my-set", "1qvr", "my-set-2", "1qvr", "my-set",
    ]  # fmt: skip


def test_reserved_words_are_numbered() -> None:
    assert head_names(["generic", "train", "__class__"]) == ["generic-2", "train-2", "class"]


def test_a_number_that_is_taken() -> None:
    assert head_names(["a-2", "a", "a "]) == ["a-2", "a", "a-3"]


@pytest.mark.parametrize("name", ["", " ", "/", "äöü"])
def test_no_name_at_all(name: str) -> None:
    with pytest.raises(ParameterError, match="no head can be called so"):
        head_names([name])


@settings(deadline=None)
@given(st.lists(st.text(min_size=1).map(lambda text: "x" + text), max_size=6))
def test_all_are_valid_and_as_different_as_the_data_sets(names: list[str]) -> None:
    made = head_names(names)
    for name in made:
        check_head_name(name)
    assert len(set(made)) == len(set(names))
    assert [made.index(name) for name in made] == [names.index(name) for name in names]
