"""Where training crops come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.imaging.prepare import Prepared
from napari_hydrapicker.simulation.conditions import Conditions
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import from_atoms
from napari_hydrapicker.training import sources
from napari_hydrapicker.training.sources import (
    Crop,
    LabelledMicrograph,
    RealSource,
    SimulatedSource,
    masked_points,
)


def values_at(image: np.ndarray, yx: np.ndarray) -> np.ndarray:
    rows, cols = np.round(yx).astype(int).T
    return image[rows, cols]


def test_turning_keeps_the_value_at_every_centre() -> None:
    rng = np.random.default_rng(0)
    image = rng.permutation(48 * 48).reshape(48, 48).astype(np.float32)
    yx = np.array([[3.0, 40], [0, 47], [20, 5], [11, 11]])
    crop = Crop(image, yx, yx[:2] + 1.0 * np.array([[1, -1], [1, -1]]))
    seen = set()
    for _ in range(100):
        turned = crop.augmented(rng)
        np.testing.assert_array_equal(values_at(turned.image, turned.yx), values_at(image, crop.yx))
        expected = values_at(image, crop.ignore_yx)
        np.testing.assert_array_equal(values_at(turned.image, turned.ignore_yx), expected)
        assert turned.image.flags.c_contiguous
        seen.add(turned.image.tobytes())
    assert len(seen) == 8


def micrograph(shape: tuple[int, int]) -> LabelledMicrograph:
    image = np.random.default_rng(1).permutation(shape[0] * shape[1]).reshape(shape).astype(np.float32)
    mask = np.ones(shape, bool)
    mask[:, 160:] = False
    yx = np.array([[r, c] for r in range(5, shape[0], 20) for c in range(3, min(160, shape[1]), 20)], float)
    return LabelledMicrograph(image, mask, yx, whiten=0.0)


def test_labels_of_a_real_crop_lie_on_their_particles() -> None:
    source = RealSource("real", [micrograph((90, 200))])
    value = {float(v) for v in values_at(source.micrographs[0].image, source.micrographs[0].yx)}
    starts, numbers = set(), []
    for seed in range(30):
        crop = source.crop(np.random.default_rng(seed), 64)
        assert crop.image.shape == (64, 64)
        assert crop.image.dtype == np.float32
        numbers.append(len(crop.yx))
        assert {float(v) for v in values_at(crop.image, crop.yx)} <= value
        starts.add(float(crop.image[0, 0]))
    assert len(starts) > 20
    assert max(numbers) >= 9


def test_masked_parts_of_a_real_crop_are_ignored_and_are_noise() -> None:
    m = micrograph((64, 200))
    source = RealSource("real", [m])
    numbers = []
    for seed in range(10):
        crop = source.crop(np.random.default_rng(seed), 64)
        usable = np.isin(crop.image, m.image[:, :160])
        numbers.append(len(crop.ignore_yx))
        assert not values_at(usable, crop.ignore_yx).any()
        assert len(crop.ignore_yx) == pytest.approx((~usable).sum() / 16, abs=16)
    assert max(numbers) > 0 == min(numbers)


def test_a_micrograph_smaller_than_the_crop_is_padded_with_noise() -> None:
    m = micrograph((40, 150))
    crop = RealSource("real", [m]).crop(np.random.default_rng(2), 64)
    assert crop.image.shape == (64, 64)
    assert (crop.yx[:, 0] < 40).all()
    assert set(values_at(crop.image, crop.yx)) <= set(values_at(m.image, m.yx))
    assert crop.image[40:].std() == pytest.approx(1, rel=0.3)
    assert (crop.ignore_yx[:, 0] > 36).any()


def test_jitter_keeps_the_labels_on_their_particles() -> None:
    shape = (160, 220)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    yx = np.array([[r, c] for r in range(12, 160, 24) for c in range(14, 220, 24)], float)
    image = np.full(shape, 0.5, np.float32)
    for y, x in yx:
        image[np.hypot(rows - y, cols - x) < 4] = -4
    source = RealSource("real", [LabelledMicrograph(image, np.ones(shape, bool), yx, 0.0)], jitter=True)
    zoomed = set()
    for seed in range(40):
        crop = source.crop(np.random.default_rng(seed), 96)
        assert crop.image.shape == (96, 96)
        inner = crop.yx[((crop.yx > 4) & (crop.yx < 91)).all(axis=1)]
        assert len(inner) >= 4
        around = [
            crop.image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].mean() for y, x in np.round(inner)
        ]
        assert np.mean(around) < crop.image.mean() - 1
        zoomed.add(len(crop.yx))
    assert len(zoomed) > 3


def test_particles_are_simulated_in_real_backgrounds(simulated: SimulatedSource) -> None:
    background = np.tile(np.array([[0, 0, 1, 1]], np.float32), (200, 60))
    empty = replace(
        simulated, conditions=lambda rng: Conditions(density=0, fragments=0, blobs=0, crystals=0),
        backgrounds=[background], real_noise=1.0,
    )  # fmt: skip
    crop = empty.crop(np.random.default_rng(0), 96)
    spectrum = np.abs(np.fft.rfft2(crop.image - crop.image.mean())) ** 2
    assert spectrum.max() > 0.2 * spectrum.sum()  # the stripes are there, at whatever scale
    with_particles = replace(empty, conditions=lambda rng: clean(density=0.4, signal=2.0))
    assert sum(len(with_particles.crop(np.random.default_rng(s), 96).yx) for s in range(4)) > 10


def test_particles_in_masked_areas_count_neither_way(simulated: SimulatedSource) -> None:
    dirty = replace(simulated, conditions=lambda rng: clean(blobs=0.03, density=0.5), masked=1.0)
    plain = replace(dirty, masked=0.0)
    moved = 0
    for seed in range(12):
        one, other = (source.crop(np.random.default_rng(seed), 160) for source in (dirty, plain))
        assert len(one.yx) <= len(other.yx)
        moved += len(one.ignore_yx) - len(other.ignore_yx)
    assert moved > 0


def test_points_of_a_mask() -> None:
    mask = np.ones((16, 24), bool)
    mask[8:, 20:] = False
    np.testing.assert_array_equal(masked_points(mask), [[8, 20], [12, 20]])


def test_labels_come_to_the_working_scale() -> None:
    prepared = Prepared(
        np.random.default_rng(0).normal(size=(50, 80)).astype(np.float32), np.ones((50, 80), bool),
        (100, 160), 2.0,
    )  # fmt: skip
    m = LabelledMicrograph.from_prepared(prepared, np.array([[10.5, 100.5], [99.5, -0.5]]))
    np.testing.assert_allclose(m.yx, [[5.25, 50.25], [49.75, -0.25]])
    assert m.image.shape == (50, 80)


@pytest.fixture(scope="module")
def simulated() -> SimulatedSource:
    return SimulatedSource(make_species(procedural_complex(2, 150.0), 8))


def clean(**change: float) -> Conditions:
    quiet = Conditions(
        density=0.25, dose_per_square_angstrom=100, structural_noise=0.2, drift_noise=0,
        thickness_gradient=0, fragments=0, blobs=0, crystals=0,
    )  # fmt: skip
    return replace(quiet, **change)  # type: ignore[arg-type]


def test_a_simulated_crop_has_its_particles_inside(simulated: SimulatedSource) -> None:
    simulated = replace(simulated, conditions=lambda rng: clean(density=0.4))
    assert simulated.name == "procedural-2"
    found = 0
    for seed in range(8):
        crop = simulated.crop(np.random.default_rng(seed), 96)
        assert crop.image.shape == (96, 96)
        assert crop.image.dtype == np.float32
        assert np.isfinite(crop.image).all()
        for centres in (crop.yx, crop.ignore_yx):
            assert centres.shape[1:] == (2,)
            assert ((centres > -0.5) & (centres < 95.5)).all()
        found += len(crop.yx)
    assert found > 30


def mean_patch(crops: list[Crop], half: int = 15) -> np.ndarray:
    """Average of the images around all centres, shape (2 * half + 1, 2 * half + 1)."""
    offsets = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    patches = [
        ndimage.map_coordinates(crop.image, offsets + centre[:, None, None], order=1)
        for crop in crops
        for centre in crop.yx
        if ((centre > half) & (centre < len(crop.image) - 1 - half)).all()
    ]
    assert len(patches) > 50
    return np.asarray(np.mean(patches, axis=0))


@pytest.fixture(scope="module")
def solid() -> SimulatedSource:
    """Balls: procedural complexes may be hollow, and a whitened shell is no darker in its middle."""
    xyz = np.random.default_rng(0).normal(size=(20000, 3))
    xyz *= 75 * np.random.default_rng(1).random((20000, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1)[:, None]
    return SimulatedSource(make_species(from_atoms("ball", xyz, np.full(20000, 7)), 4), (1.0, 1.0))


@pytest.mark.parametrize(
    "conditions",
    [
        clean(),
        clean(defocus_um=4.0),
        clean(defocus_um=0.5, phase_shift=2.2),  # strongest plate that is drawn: still dark
        clean(carbon=1.0),
    ],
    ids=["usual", "far from focus", "phase plate", "carbon"],
)
def test_particles_lie_dark_where_the_labels_say(conditions: Conditions, solid: SimulatedSource) -> None:
    taken = replace(solid, conditions=lambda rng: conditions)
    crops = [taken.crop(np.random.default_rng(seed), 160) for seed in range(12)]
    patch = mean_patch(crops)
    rows, cols = np.mgrid[-15:16, -15:16]
    radius = np.hypot(rows, cols)
    ball = np.sqrt(np.clip(1 - (radius / 10.5) ** 2, 0, None))  # its projection
    assert np.corrcoef(patch.ravel(), -ball.ravel())[0, 1] > 0.7
    assert patch[radius < 8].mean() < patch[(radius > 12) & (radius < 15)].mean() - 0.1
    darkness = np.clip(-patch, 0, None) * (radius < 11)
    centre = np.array([(darkness * rows).sum(), (darkness * cols).sum()]) / darkness.sum()
    assert np.abs(centre).max() < 0.25

    swapped = [Crop(crop.image, crop.yx[:, ::-1], crop.ignore_yx) for crop in crops]
    assert np.corrcoef(mean_patch(swapped).ravel(), -ball.ravel())[0, 1] < 0.4


def test_a_draw_without_background_is_drawn_again(
    simulated: SimulatedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fails_twice(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) < 3:
            raise MicrographError("no contrast")
        return original(*arguments)

    original = sources.simulate
    monkeypatch.setattr(sources, "simulate", fails_twice)
    assert simulated.crop(np.random.default_rng(0), 64).image.shape == (64, 64)
    assert len(calls) == 3
