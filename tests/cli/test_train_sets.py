"""Data sets as the options of `hydrapicker train` name them."""

from pathlib import Path

import pytest

from napari_hydrapicker.cli.train import names_in, real_set, shared_heads
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.training.assembly import RealSet


@pytest.mark.parametrize(
    ("text", "names"), [("a", ["a"]), (" a ,, b-1,", ["a", "b-1"]), ("", []), (" , ", [])]
)
def test_commas_separate_names(text: str, names: list[str]) -> None:
    assert names_in(text) == names


def test_heads_are_shared() -> None:
    made = shared_heads(["both = 1oel, 1aon", "other=1wcm"])
    assert made == {"both": ["1oel", "1aon"], "other": ["1wcm"]}
    assert shared_heads([]) == {}


@pytest.mark.parametrize("text", ["a=", "=a", "a", " = ,", ""])
def test_a_head_without_structures_or_name(text: str) -> None:
    with pytest.raises(ParameterError, match=f"--group {text}: give HEAD=STRUCTURE"):
        shared_heads(["b=1oel", text])


def test_what_is_there_twice() -> None:
    with pytest.raises(ParameterError, match="--group a=2buk: 'a' is there twice"):
        shared_heads(["a=1auy", "a=2buk"])
    with pytest.raises(ParameterError, match="--group b=2buk,1auy: '1auy' has a head already"):
        shared_heads(["a=1auy", "b=2buk,1auy"])


def test_labelled_micrographs() -> None:
    assert real_set("r:mics/*.mrc:labels:300.5") == RealSet("r", "mics/*.mrc", Path("labels"), 300.5)
    assert real_set("r:m:l:180:-1.5,2").shift_angstrom == (-1.5, 2.0)


@pytest.mark.parametrize("text", ["a:b", "a:b:c:wide", "a:b:c:1:2", "a:b:c:1:2,x", ""])
def test_labelled_micrographs_with_a_part_missing(text: str) -> None:
    with pytest.raises(ParameterError, match=f"--real {text}: give NAME:MICROGRAPHS:COORDINATES:DIAMETER"):
        real_set(text)
