"""The sample data."""

import numpy as np
import pytest

from napari_hydrapicker.gui.reader import sample_micrograph
from napari_hydrapicker.simulation import sample
from napari_hydrapicker.simulation.sample import Sample


def test_the_sample_is_a_micrograph_with_its_particles(
    monkeypatch: pytest.MonkeyPatch, samples: list[Sample]
) -> None:
    monkeypatch.setattr(sample, "sample_micrograph", lambda: samples[0])  # a smaller one, made already
    (image, image_options, image_kind), (points, point_options, points_kind) = sample_micrograph()
    assert (image_kind, points_kind) == ("image", "points")
    assert image.shape == (480, 640)
    assert len(points) > 10
    assert ((points >= 0) & (points <= np.array(image.shape) - 1)).all()
    metadata = image_options["metadata"]
    assert metadata == point_options["metadata"]
    diameter = metadata["diameter_angstrom"] / metadata["pixel_size_angstrom"]
    assert point_options["size"] == pytest.approx(diameter)
    _assert_grey_levels_mark(image, points, radius=diameter / 2)


def _assert_grey_levels_mark(image: np.ndarray, points: np.ndarray, radius: float) -> None:
    """Check that grey levels at the points differ from those elsewhere: rows are rows."""
    rows, columns = np.indices(image.shape)
    inside = np.zeros(image.shape, bool)
    for row, column in points:
        inside |= (rows - row) ** 2 + (columns - column) ** 2 < (radius / 2) ** 2
    assert abs(image[inside].mean() - image[~inside].mean()) > 0.1 * image.std()
