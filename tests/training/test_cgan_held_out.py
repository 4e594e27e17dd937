"""What generators find where particles are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_hydrapicker.cgan.localise import LocaliseParameters
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX, FLOOR, WorkingImage
from napari_hydrapicker.cgan.synthesis import Pair
from napari_hydrapicker.training.cgan_validation import Known, find, known_micrograph, known_pair

SHAPE = (100, 170)
MARKS = {(30, 50): 0.1, (70, 40): 0.1, (40, 120): 0.5}  # and the share of brightness that is left
HOW = LocaliseParameters(split=True, marker_wpx=11, tolerance=0.8)


class Ruled(Generator):
    """Marks the same three places on every working image."""

    def forward(self, images: Tensor) -> Tensor:
        marked = images.clone()
        for (row, col), left in MARKS.items():
            marked[..., row - 5 : row + 6, col - 5 : col + 6] *= left
        return marked


def known(yx: list[tuple[float, float]], ignore: list[tuple[float, float]]) -> Known:
    image = np.random.default_rng(0).uniform(0.5, 0.7, SHAPE).astype(np.float32)
    for row, col in MARKS:
        image[row - 4 : row + 5, col - 4 : col + 5] -= 0.2
    working = WorkingImage(image, np.ones(SHAPE, bool), SHAPE)
    return Known(working, np.reshape(yx, (-1, 2)), np.reshape(ignore, (-1, 2)))


def test_marks_near_particles_are_true() -> None:
    two = known([(32.0, 47.0), (70.0, 49.0), (90.0, 160.0)], [])  # the second is more than a quarter off
    found = find(Ruled(1).eval(), [two, known([], [])], HOW)
    assert found.particles == 3
    assert found.truth.tolist() == [True, False, False, False, False, False]
    assert sorted(found.strength) == pytest.approx([0.5, 0.5, 0.9, 0.9, 0.9, 0.9], abs=0.01)
    assert (found.contrasts > 5).all()


def test_marks_on_what_is_neither_do_not_count() -> None:
    one = known([(30.0, 50.0)], [(75.0, 44.0), (30.0, 52.0), (40.0, 131.0)])
    found = find(Ruled(1).eval(), [one], HOW)
    assert found.truth.tolist() == [True, False], "a particle counts, whatever is beside it"
    one.working.mask[:, 100:] = False
    assert find(Ruled(1).eval(), [one], HOW).truth.tolist() == [True]


def test_where_nothing_is_marked_nothing_is_found() -> None:
    found = find(Generator(1).eval(), [known([(30.0, 50.0)], [])], HOW)
    assert found.particles == 1
    assert len(found.truth) == len(found.strength) == len(found.contrasts) == 0


def test_all_of_a_pair_counts() -> None:
    image = np.full((40, 60), 0.6, np.float32)
    pair = Pair(image, image, np.array([[10.0, 50.0]]), np.array([12.0]), np.array([0.3]))
    one = known_pair(pair)
    assert one.working.mask.all()
    assert one.working.shape_px == one.working.shape_wpx == (40, 60)
    assert one.yx.tolist() == [[10, 50]]


def test_simulated_micrographs_have_dark_particles_where_they_say() -> None:
    made = [known_micrograph(np.random.default_rng(seed)) for seed in (0, 1, 0)]
    darker = []
    for one in made:
        image = one.working.image
        assert image.shape == (420, 520)
        assert image.min() >= FLOOR - 1e-6
        smooth = torch.nn.functional.avg_pool2d(torch.from_numpy(image)[None, None], 9, 1, 4)[0, 0].numpy()
        inside = ((one.yx > 0) & (one.yx < np.array(image.shape) - 1)).all(1)
        rows, cols = np.rint(one.yx[inside]).astype(int).T
        assert inside.sum() > 20
        darker.append(np.median(smooth) - np.median(smooth[rows, cols]))
    assert min(darker) > 0.02
    np.testing.assert_array_equal(made[0].working.image, made[2].working.image)
    assert len(made[0].yx) != len(made[1].yx)
    assert CGAN_DIAMETER_WPX == 20
