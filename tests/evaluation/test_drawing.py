"""Rings and legends."""

import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.evaluation.overlay import Entry, Ring, ring_layer, to_picture, with_legend

RED = (255, 0, 0)


def test_a_ring_lies_around_its_centre() -> None:
    layer = np.asarray(ring_layer(iter([Ring(30.0, 70.0, 12.0, RED)]), (120, 80)))
    rows, cols = np.nonzero(layer[..., 3])
    assert layer.shape == (80, 120, 4)
    assert (rows.mean(), cols.mean()) == pytest.approx((30, 70), abs=0.1)
    assert np.hypot(rows - 30, cols - 70).min() > 10.5, "nothing is drawn on the particle"


def test_a_dashed_ring_has_gaps() -> None:
    def ink(dashed: bool) -> int:
        return int(
            (np.asarray(ring_layer(iter([Ring(40, 40, 20, RED, dashed)]), (80, 80)))[..., 3] > 0).sum()
        )

    assert 0.4 * ink(False) < ink(True) < 0.8 * ink(False)


def test_rings_scale_with_the_picture_about_pixel_corners() -> None:
    (ring,) = to_picture([Ring(99.5, 0.0, 10.0, RED)], (200, 400), (100, 200))
    assert (ring.row, ring.col, ring.radius) == (49.5, -0.25, 5.0)


@pytest.mark.parametrize("width", [60, 300, 1600])
def test_the_legend_goes_below_the_picture(width: int) -> None:
    picture = Image.new("RGB", (width, 50), (9, 9, 9))
    whole = with_legend(picture, [Entry("found 12", RED), Entry("missed 3", RED, dashed=True)])
    assert whole.width == width
    assert whole.height > 50
    assert (np.asarray(whole)[:50] == 9).all()
    assert np.asarray(whole)[50:].max() > 200
