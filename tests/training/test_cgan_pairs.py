"""Pairs made for the cGAN's training."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.training.cgan_data import PairMaker, particle_free, typical_shape, varied

RANGES = SynthesisParameters.for_particles()


def micrograph(path: Path, pixel_size: float = 2.0, level: float = 0.0) -> Micrograph:
    """Noise of 200 x 320 pixels, with two particles."""
    image = np.random.default_rng(3).normal(level, 1, (200, 320)).astype(np.float32)
    rows, cols = np.ogrid[:200, :320]
    for y, x in ((50, 60), (150, 250)):
        image[np.hypot(rows - y, cols - x) < 16] -= 4
    with mrcfile.new(path) as file:
        file.set_data(image)
        file.voxel_size = pixel_size
    return open_micrograph(path)


def test_simulated_pairs_of_the_size_asked_for() -> None:
    maker = PairMaker(RANGES, side_wpx=96)
    pair = maker(np.random.default_rng(1))
    assert pair.image.shape == pair.truth.shape == (96, 96)
    assert (pair.truth == 0).any()
    again, other = (maker(np.random.default_rng(seed)) for seed in (1, 2))
    assert np.array_equal(pair.image, again.image)
    assert not np.array_equal(pair.image, other.image)


def test_backgrounds_of_micrographs_hold_their_noise_and_no_particle(tmp_path: Path) -> None:
    patches = particle_free([micrograph(tmp_path / "a.mrc")], 64.0)
    bare = SynthesisParameters(coverage=(0.0, 0.0))
    backgrounds = [
        PairMaker(bare, 96, patches, simulated_share=0.0)(np.random.default_rng(seed)).image
        for seed in range(5)
    ]
    # On the working image the particles are as dark as can be; over an area nothing of the noise is.
    for image in backgrounds:
        blocks = image[:95, :95].reshape(19, 5, 19, 5).mean(axis=(1, 3))
        assert blocks.min() > 0.35
        assert image.std() > 0.05


def test_each_background_is_of_one_micrograph(tmp_path: Path) -> None:
    patches = particle_free([micrograph(tmp_path / "a.mrc"), micrograph(tmp_path / "b.mrc")], 64.0)
    assert len(patches) == 2
    only_second = PairMaker(RANGES, 64, patches[1:], simulated_share=0.0)
    pair = only_second(np.random.default_rng(0))
    assert np.isin(np.round(pair.image[pair.truth > 0], 3), np.round(pair.truth, 3)).all()


def test_the_share_of_simulated_backgrounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_hydrapicker.training import cgan_data as cgan_pairs

    patches = particle_free([micrograph(tmp_path / "a.mrc")], 64.0)
    simulated: list[int] = []

    def flat(shape: tuple[int, int], rng: np.random.Generator, diameter: float) -> np.ndarray:
        simulated.append(1)
        return np.full(shape, 0.5, np.float32)

    monkeypatch.setattr(cgan_pairs, "simulated_background", flat)
    for share, low, high in ((0.0, 0, 0), (0.3, 15, 45), (1.0, 100, 100)):
        simulated.clear()
        maker = PairMaker(SynthesisParameters(coverage=(0, 0)), 64, patches, simulated_share=share)
        for seed in range(100):
            maker(np.random.default_rng(seed))
        assert low <= len(simulated) <= high


def test_a_number_refers_to_the_first_micrograph(tmp_path: Path) -> None:
    one = micrograph(tmp_path / "a.mrc")
    # 64 Angstrom are 32 pixels, and become 20.
    assert typical_shape([one], 64.0) == (125, 200)
    assert typical_shape([one], 64.0, pixel_size_angstrom=1.0) == (62, 100)
    with pytest.raises(ParameterError, match="give one"):
        typical_shape([], 64.0)


def test_a_pixel_size_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"a\.mrc.*pixel size"):
        particle_free([micrograph(tmp_path / "a.mrc", pixel_size=0.0)], 64.0)


def test_shapes_vary_within_a_pair() -> None:
    pair = PairMaker(varied(RANGES), 160)(np.random.default_rng(4))
    assert np.ptp(pair.sizes_px) > 2
    assert varied(RANGES).marker_wpx == RANGES.marker_wpx
    assert varied(RANGES).coverage == RANGES.coverage
