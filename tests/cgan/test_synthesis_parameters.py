"""Ranges of synthetic pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diameter_wpx", (20.0, 10.0)),
        ("diameter_wpx", (0.0, 10.0)),
        ("coverage", (0.1, 1.5)),
        ("contrast", (-0.1, 0.5)),
        ("contrast", (0.1, float("nan"))),
        ("steps", (0, 10)),
        ("variation", (1.0, float("inf"))),
        ("smoothing_wpx", (-1.0, 1.0)),
        ("marker_wpx", 0),
        ("gap_wpx", -1),
    ],
)
def test_ranges_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=name):
        replace(SynthesisParameters(), **{name: value})


def test_ranges_for_particles_of_a_size_and_number() -> None:
    default = SynthesisParameters.for_particles()
    assert default.diameter_wpx == pytest.approx((10.4, 17.6))
    assert default.marker_wpx == 11
    large = SynthesisParameters.for_particles(40)
    assert large.diameter_wpx == pytest.approx((20.8, 35.2))
    assert large.marker_wpx == 22
    assert large.coverage == default.coverage
    # Shapes are 0.7 of a diameter on average: 150 of them cover 0.084 of the working image.
    wanted = SynthesisParameters.for_particles(20, 150, (500, 700))
    assert wanted.coverage == pytest.approx((0.6 * 0.084, 1.8 * 0.084))
    assert SynthesisParameters.for_particles(20, 1700, (500, 700)).coverage[1] == 1
    for number in (0, -4, 5000, float("nan")):
        with pytest.raises(ParameterError, match="do not fit"):
            SynthesisParameters.for_particles(20, number, (500, 700))
