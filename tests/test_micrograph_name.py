"""From file names to micrographs' names."""

from __future__ import annotations

import pytest

from napari_hydrapicker.micrograph_name import micrograph_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("MotionCorr/job002/a.b_1.mrc", "a.b_1"),
        (r"C:\data\a.MRC", "a"),
        ("000012@Extract/stack.mrcs", "stack"),
        ("a.mrc.gz", "a"),
        ("a.tiff.bz2", "a"),
        ("a.tiff.mrc", "a"),
        ("a.mrc.TIF", "a"),
        ("a.gz", "a"),
        ("a_2.5um", "a_2.5um"),  # no image's ending: kept
        ("folder/.mrc", ""),
        ("", ""),
    ],
)
def test_stems(name: str, stem: str) -> None:
    assert micrograph_stem(name) == micrograph_stem(stem) == stem
