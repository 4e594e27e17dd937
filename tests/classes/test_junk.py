"""Which classes are called doubtful."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_hydrapicker.classes.junk import Evidence, bright_width, structure_around


@pytest.mark.parametrize(
    ("evidence", "reasons"),
    [
        (Evidence(9.0, 0.2, 0.4, 60, 50.0), []),
        (Evidence(3.0, 0.2, 0.4, 60, 50.0), ["no common detail"]),
        (Evidence(9.0, 0.9, 0.4, 60, 50.0), ["no clear border"]),
        (Evidence(3.0, 0.9, 0.4, 60, 50.0), ["no common detail", "no clear border"]),
        (Evidence(9.0, 0.2, 0.1, 60, 50.0), ["too small"]),
        (Evidence(9.0, 0.2, 0.4, 5, 50.0), ["few"]),
        (Evidence(9.0, 0.2, 0.4, 5, 8.0), []),
    ],
)
def test_reasons(evidence: Evidence, reasons: list[str]) -> None:
    assert evidence.reasons == reasons


def test_structure_beside_the_particle_counts(shapes: SimpleNamespace) -> None:
    alone = structure_around(shapes.hook())
    crowded = structure_around(shapes.hook() + shapes.blobs((-27, 0, 2.0), (0, 27, 2.0), (19, -19, 2.0)))
    assert alone < 0.1 < 0.6 < crowded
    assert structure_around(np.zeros_like(shapes.hook())) == np.inf


def test_a_bead_is_small_and_a_particle_is_not(shapes: SimpleNamespace) -> None:
    assert bright_width(shapes.hook()) > 0.3
    bead = np.zeros((64, 64), np.float32)
    bead[31:34, 31:34] = 1
    assert bright_width(bead + 0.02 * shapes.hook()) < 0.25
