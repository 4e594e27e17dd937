"""Answers averaged over flips and turns lie where the image's own do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.picking.hydra import Prediction, averaged_over_turns


def darkness(image: np.ndarray) -> Prediction:
    """A "network" whose logit is a cell's darkness, and whose centre is that darkness' centre."""
    cells = np.stack(np.meshgrid(*(7.5 + 8 * np.arange(n // 8) for n in image.shape), indexing="ij"), axis=-1)
    dark = np.clip(-np.pad(image, 16).astype(float), 0, None)
    logits, centres = np.zeros(cells.shape[:2]), cells.copy()
    for row, col in np.ndindex(logits.shape):
        part = dark[8 * row + 16 : 8 * row + 32, 8 * col + 16 : 8 * col + 32]
        logits[row, col] = part.sum()
        if part.sum() > 0:
            centres[row, col] = np.add(ndimage.center_of_mass(part), 8 * np.array([row, col]))
    return logits, centres


def test_what_does_not_depend_on_the_turn_stays() -> None:
    image = np.random.default_rng(0).normal(size=(96, 160)).astype(np.float32)
    own, mean = darkness(image), averaged_over_turns(darkness, image)
    np.testing.assert_allclose(mean[0], own[0], atol=1e-9)
    np.testing.assert_allclose(mean[1], own[1], atol=1e-9)
    again = averaged_over_turns(darkness, image, own)
    np.testing.assert_array_equal(again[0], mean[0])


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-1.0, 2.0)])
def test_a_constant_offset_is_taken_out(shift: tuple[float, float]) -> None:
    image = np.random.default_rng(1).normal(size=(64, 112)).astype(np.float32)

    def shifted(one: np.ndarray) -> Prediction:
        logits, centres = darkness(one)
        return logits, centres + shift

    _, centres = averaged_over_turns(shifted, image)
    np.testing.assert_allclose(centres[:-1, :-1], darkness(image)[1][:-1, :-1], atol=1e-9)


def test_every_turn_is_asked_once_and_the_mean_taken() -> None:
    image = np.arange(48 * 80, dtype=np.float32).reshape(48, 80)
    seen = []

    def counted(one: np.ndarray) -> Prediction:
        seen.append((one.shape, float(one[0, 0])))
        logits, centres = darkness(one)
        return logits + len(seen), centres

    logits, _ = averaged_over_turns(counted, image)
    assert len(set(seen)) == 8
    np.testing.assert_allclose(logits[:-1, :-1], np.mean(range(1, 9)))
