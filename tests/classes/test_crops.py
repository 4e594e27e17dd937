"""Cutting picks out of micrographs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.classes.crops import BOX_PX, choose_evenly, cut, disc, flip_phases, normalise_crops
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.ctf import Ctf
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.sample import simulate


def test_every_micrograph_gives_alike() -> None:
    chosen = choose_evenly([100, 3, 50, 0], 43, seed=1)
    assert [len(one) for one in chosen] == [20, 3, 20, 0]
    assert all(len(set(one.tolist())) == len(one) for one in chosen)
    assert chosen[0].max() < 100
    again = choose_evenly([100, 3, 50, 0], 43, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(chosen, again, strict=True))
    assert [len(one) for one in choose_evenly([2, 3], 10)] == [2, 3]


@pytest.mark.parametrize("light", [False, True])
def test_the_pick_is_in_the_middle_and_light(light: bool) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 0.25, (300, 420))
    rows, columns = np.mgrid[:300, :420]
    centre = (103.3, 251.8)
    image -= np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (2 * 4.0**2))
    micrograph = Micrograph.from_array((-image if light else image).astype(np.float32), 2.0)
    # 80 Angstrom are 40 pixels here and in the crop: nothing is rescaled.
    images, rest = cut(micrograph, Picks([centre, (2.0, 3.0)]), 80.0, light=light)
    assert images.shape == (2, BOX_PX, BOX_PX)
    smooth = ndimage.gaussian_filter(images[0], 3)
    peak = np.unravel_index(smooth.argmax(), smooth.shape)
    assert np.abs(np.array(peak) - BOX_PX // 2 - rest[0]).max() < 1.5
    assert np.allclose(rest[0], [0.3, -0.2])
    assert (images[1][: BOX_PX // 2 - 4] == 0).all()  # beyond the edge


def test_positions_follow_the_scale() -> None:
    made = simulate(shape=(500, 760), pixel_size_angstrom=3.0, seed=2)
    images, _ = cut(made.micrograph, made.picks, made.diameter_angstrom)
    inside = ((made.picks.yx > 60) & (made.picks.yx < np.array([440, 700]))).all(axis=1)
    mean = images[inside].mean(axis=0)
    assert mean[disc(24) > 0].mean() > mean[disc(56) == 0].mean() + 0.1


def test_flipped_phases_bring_the_detail_back() -> None:
    import torch

    from napari_hydrapicker.simulation import optics

    rng = np.random.default_rng(1)
    truth = rng.normal(size=(96, 130)).astype(np.float32)
    ctf = Ctf(1.5, 0.1, 0.6, 300.0, 2.7, 0.07)
    fy, fx = optics.frequency_grid((96, 130), torch.tensor([3.0]), "cpu")
    transfer = optics.ctf(
        fy, fx, defocus_um=torch.tensor([1.5]), astigmatism_um=torch.tensor([0.1]),
        astigmatism_angle=torch.tensor([0.6]), amplitude_contrast=0.07, phase_shift=torch.tensor([0.0]),
    )[0]  # fmt: skip
    seen = torch.fft.irfft2(torch.fft.rfft2(torch.from_numpy(truth)) * transfer, s=(96, 130)).numpy()
    before = np.corrcoef(seen.ravel(), truth.ravel())[0, 1]
    after = np.corrcoef(flip_phases(seen, ctf, 3.0).ravel(), -truth.ravel())[0, 1]
    assert abs(before) < 0.5
    assert after > 0.85


def test_one_loud_crop_is_tamed_and_slopes_are_taken_out() -> None:
    rng = np.random.default_rng(2)
    images = rng.normal(size=(30, BOX_PX, BOX_PX)).astype(np.float32)
    images += np.linspace(0, 30, BOX_PX, dtype=np.float32)[:, None]
    images[4] += 50 * disc(40)
    flat = normalise_crops(images)
    outside = disc(44) == 0
    assert np.abs(flat[:, outside].mean(axis=1)).max() < 0.1
    assert flat[4].std() < 1.6 * np.median(flat.std(axis=(1, 2)))
    assert abs(np.polyfit(np.arange(BOX_PX), flat[0].mean(axis=1), 1)[0]) < 0.01


def test_a_pixel_size_is_needed() -> None:
    micrograph = Micrograph.from_array(np.random.default_rng(0).normal(size=(100, 140)))
    with pytest.raises(ParameterError, match="pixel size"):
        cut(micrograph, Picks([[50.0, 60.0]]), 100.0)
