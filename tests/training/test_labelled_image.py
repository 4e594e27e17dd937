"""Corrections as labels: every path with a non-square micrograph."""

from __future__ import annotations

import numpy as np
import pytest

from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.training.labelled_image import LabelledImage, Marks

NONE = np.empty((0, 2))


def marks(yx: list[tuple[float, float]], negative: list[tuple[float, float]], complete: bool) -> Marks:
    return Marks(np.array(yx, float).reshape(-1, 2), np.array(negative, float).reshape(-1, 2), NONE, complete)


@pytest.fixture
def prepared() -> Prepared:
    image = np.random.default_rng(0).normal(size=(96, 160)).astype(np.float32)
    mask = np.ones(image.shape, np.bool_)
    mask[:, 140:] = False
    return Prepared(image, mask, (192, 320), 2.0)


def test_centres_come_to_the_working_scale(prepared: Prepared) -> None:
    made = LabelledImage.from_prepared("m", prepared, [(60, 200)], [(20, 40)])
    np.testing.assert_allclose(made.marks.yx, [[30, 100]])
    np.testing.assert_allclose(made.marks.negative_yx, [[10, 20]])
    np.testing.assert_array_equal(made.image[:, :140], prepared.image[:, :140])
    assert not np.isclose(made.image[:, 140:], prepared.image[:, 140:]).any(axis=0).all(), "noise is there"
    assert made.marks.complete


def test_carbon_and_a_strip_along_the_edges_are_unusable(prepared: Prepared) -> None:
    unusable = LabelledImage.from_prepared("m", prepared, []).marks.unusable_yx
    assert ((unusable >= 0) & (unusable < (96, 160))).all()
    inner = (unusable[:, 0] >= 10) & (unusable[:, 0] < 86) & (unusable[:, 1] >= 10)
    assert (unusable[inner, 1] >= 140).all()
    assert inner.any()
    assert (unusable[:, 0] == 0).any()
    assert (unusable[:, 1] == 0).any()


def test_whitening_changes_the_image_alone(prepared: Prepared) -> None:
    plain = LabelledImage.from_prepared("m", prepared, [(60, 200)])
    white = LabelledImage.from_prepared("m", prepared, [(60, 200)], whiten=1.0)
    assert np.abs(plain.image - white.image).max() > 0.1
    np.testing.assert_array_equal(plain.marks.yx, white.marks.yx)


def test_on_a_complete_micrograph_what_is_not_marked_is_background() -> None:
    found = marks([(23.5, 55.5)], [(7.5, 7.5)], complete=True).assignment((6, 10), 8)
    assert found.positive.shape == (6, 10)
    assert bool(found.positive[2, 6])  # centred on (23.5, 55.5)
    assert not bool(found.ignore.any())


def test_on_a_partial_micrograph_only_the_marks_count() -> None:
    found = marks([(23.5, 55.5)], [(7.5, 15.5)], complete=False).assignment((6, 10), 8)
    counted = ~found.ignore
    assert bool(found.positive[2, 6])
    assert bool((counted & ~found.positive)[0, 1])  # the deleted pick's own cell is background
    rows, cols = (counted & ~found.positive).nonzero(as_tuple=True)
    by_the_deleted = (rows <= 1) & (cols <= 2)
    around_the_particle = ((rows - 2).abs() <= 1) & ((cols - 6).abs() <= 1)
    assert bool((by_the_deleted | around_the_particle).all())
    assert bool(by_the_deleted.any())


def test_unusable_cells_count_neither_way_but_for_particles_and_on_partial_ones() -> None:
    unusable = np.array([[23.5, 55.5], [40.0, 8.0]])
    for complete in (True, False):
        one = Marks(np.array([[23.5, 55.5]]), np.array([[40.0, 8.0]]), unusable, complete)
        found = one.assignment((6, 10), 8)
        assert bool(found.positive[2, 6])
        assert not bool(found.ignore[2, 6])
        assert bool(found.ignore[4, 0])


def test_a_window_has_its_own_coordinates() -> None:
    cut = marks([(10, 50), (40, 90)], [(33.4, 64.6)], complete=False).within((32, 48), (32, 64))
    np.testing.assert_allclose(cut.yx, [[8, 42]])
    np.testing.assert_allclose(cut.negative_yx, [[1.4, 16.6]])
    assert not cut.complete


def test_marks_turn_with_the_image(prepared: Prepared) -> None:
    made = LabelledImage.from_prepared("m", prepared, [(60, 200)], [(20, 40)], complete=False)
    turned = made.augmented(4 + 1)  # transposed, then rows flipped
    assert turned.image.shape == (160, 96)
    np.testing.assert_allclose(turned.marks.yx, [[159 - 100, 30]])
    np.testing.assert_allclose(turned.marks.negative_yx, [[159 - 20, 10]])
    assert turned.image[59, 30] == made.image[30, 100]
    assert not turned.marks.complete


@pytest.mark.parametrize("complete", [True, False])
def test_where_nothing_is_usable_marks_count_neither_way(prepared: Prepared, complete: bool) -> None:
    """The mask leaves out columns 280 and on, of 320: the network sees noise there."""
    inside, outside = (60.0, 200.0), (60.0, 300.0)
    made = LabelledImage.from_prepared("m", prepared, [inside, outside], [(90, 300), (90, 40)], complete)
    np.testing.assert_allclose(made.marks.yx, [[30, 100]])
    np.testing.assert_allclose(made.marks.negative_yx, [[45, 20]])
    found = made.marks.assignment((12, 20), 8)
    # Cells are centred on 3.5 + 8 i: all from column 144 on, and no particle's, are in the area.
    assert bool(found.ignore[:, 18:].all())
    assert not bool(found.positive[:, 17:].any())
    assert bool(found.positive[3, 12])
