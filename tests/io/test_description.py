"""Descriptions in files of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.io.safetensors import parse


class Kept(BaseModel):
    """A description of two facts."""

    format_version: int = 1
    name: str


def read(text: str) -> Kept:
    return parse(Path("kept.bin"), text, Kept, 2, ("kept format", "label"))


def test_what_is_right_is_read() -> None:
    assert read('{"name": "a", "format_version": 2}') == Kept(name="a", format_version=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its label is not JSON .*Copy or download"),
        ("[" * 10_000, "its label is not JSON .*Copy or download"),
        ("[1]", "its label is invalid: .*Copy or download"),
        ('{"name": 3}', "its label is invalid: name: .*Copy or download"),
        ('{"name": 3, "format_version": 3}', r"newer version .*\(kept format 3, .* up to 2\)\. Update"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(WeightsError, match=rf"^kept\.bin: .*{message}"):
        read(text)
