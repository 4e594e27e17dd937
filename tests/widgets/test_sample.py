"""The sample data."""

import numpy as np

from napari_hydrapicker.widgets.sample import sample_micrograph


def test_the_sample_is_a_micrograph_with_its_particles() -> None:
    image, points = sample_micrograph()
    assert image[2] == "image"
    assert points[2] == "points"
    pixels, centres = np.asarray(image[0]), np.asarray(points[0])
    assert pixels.shape[0] != pixels.shape[1]
    assert len(centres) > 10
    assert ((centres >= 0) & (centres < pixels.shape)).all()
