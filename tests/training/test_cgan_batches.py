"""Batches of pairs for the cGAN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.training.cgan_data import MIN_PAIR, draw_batch, fixed_pairs


@dataclass(frozen=True)
class Pair:
    image: NDArray[np.float32]
    truth: NDArray[np.float32]


def pair(seed: int, shape: tuple[int, int] = (48, 64)) -> Pair:
    """Noise, with one black square off the middle."""
    image = np.random.default_rng(seed).uniform(0.2, 1, shape).astype(np.float32)
    truth = image.copy()
    truth[5:12, 20:27] = 0
    return Pair(image, truth)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_fixed_pairs_are_drawn_all_and_nothing_else() -> None:
    pairs = [pair(seed) for seed in range(5)]
    draw, numbers = fixed_pairs(pairs), rng()
    drawn = {id(draw(numbers)) for _ in range(100)}
    assert drawn == {id(one) for one in pairs}
    with pytest.raises(ParameterError, match="at least one"):
        fixed_pairs([])


@pytest.mark.parametrize(("shape", "turns"), [((48, 48), 8), ((48, 64), 4)])
def test_input_and_truth_are_turned_together(shape: tuple[int, int], turns: int) -> None:
    one = pair(1, shape)
    images, truths = draw_batch(fixed_pairs([one]), rng(), 64)
    assert images.shape == truths.shape == (64, 1, *shape)
    assert len({image.numpy().tobytes() for image in images}) == turns
    for image, truth in zip(images[:, 0].numpy(), truths[:, 0].numpy(), strict=True):
        marked = truth == 0
        assert marked.sum() == 49
        assert (truth[~marked] == image[~marked]).all()
        assert np.sort(image[marked]) == pytest.approx(np.sort(one.image[5:12, 20:27].ravel()))


def test_the_same_numbers_give_the_same_batch() -> None:
    pairs = fixed_pairs([pair(seed) for seed in range(5)])
    first, second, other = (draw_batch(pairs, np.random.default_rng(n), 4)[0] for n in (1, 1, 2))
    assert first.equal(second)
    assert not first.equal(other)


def test_pairs_that_cannot_be_trained_on() -> None:
    with pytest.raises(ParameterError, match=f"24 x 64.*{MIN_PAIR}"):
        draw_batch(fixed_pairs([pair(0, (24, 64))]), rng(), 2)
    sizes = iter([(48, 64), (64, 64)])
    with pytest.raises(ParameterError, match="one size"):
        draw_batch(lambda _: pair(0, next(sizes)), rng(), 2)
    uneven = Pair(pair(0).image, pair(0, (48, 65)).truth)
    with pytest.raises(ParameterError, match="one size"):
        draw_batch(fixed_pairs([uneven]), rng(), 1)
