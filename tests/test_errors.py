"""Messages whose parameters have other names for other readers."""

from __future__ import annotations

import pytest

from napari_hydrapicker.cli.options import in_option_words
from napari_hydrapicker.errors import with_parameters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("give it with `pixel_size`", "give it with --pixel-size"),
        ("`diameter_angstrom` -3: too small", "--diameter -3: too small"),
        ("`device` cuda: not here; choose `device` cpu", "--device cuda: not here; choose --device cpu"),
        ("m`1`.mrc: a path with `Strange` marks", "m`1`.mrc: a path with `Strange` marks"),
    ],
)
def test_the_command_line_names_options(text: str, said: str) -> None:
    assert in_option_words(text) == said


def test_each_reader_has_words_of_its_own() -> None:
    assert with_parameters("`a` and `b_c`", str.upper) == "A and B_C"
