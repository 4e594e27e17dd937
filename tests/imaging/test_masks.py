import numpy as np
import pytest
from scipy import ndimage

from napari_hydrapicker.imaging.masks import usable_mask
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.imaging.rescale import rescale, to_wpx
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.micrograph import open_micrograph


def ice(shape=(420, 610), n_particles=120, contrast=1.5, smooth=0.0, seed=0):
    """Noise with dark discs of 21 pixels; (image, centres)."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, shape)
    if smooth:
        image = ndimage.gaussian_filter(image, smooth)
        image /= image.std()
    centres = rng.uniform(0.03, 0.97, (n_particles, 2)) * shape
    row, col = np.mgrid[: shape[0], : shape[1]]
    for y, x in centres:
        image[(row - y) ** 2 + (col - x) ** 2 < 10.5**2] -= contrast
    return image.astype(np.float32), centres


@pytest.mark.parametrize("n_particles", [0, 4, 40, 200])
@pytest.mark.parametrize("contrast", [0.3, 1.5, 5])
@pytest.mark.parametrize("smooth", [0, 2])
def test_ordinary_ice_is_usable(n_particles, contrast, smooth):
    image, _ = ice(n_particles=n_particles, contrast=contrast, smooth=smooth)
    assert usable_mask(image).mean() == 1


def test_a_thickness_gradient_is_usable():
    image, _ = ice()
    assert usable_mask(image + np.linspace(0, 6, image.shape[1], dtype=np.float32)).mean() == 1


@pytest.mark.parametrize(
    ("side", "axis", "width"), [("top", 0, 19), ("bottom", 0, 33), ("left", 1, 26), ("right", 1, 15)]
)
def test_strips_without_signal_are_found(side, axis, width):
    image, _ = ice(smooth=1)
    rows = np.moveaxis(image, axis, 0)
    first = side in ("top", "left")
    rows[slice(0, width) if first else slice(-width, None)] = rows[width if first else -width - 1]
    lines = np.moveaxis(usable_mask(image), axis, 0)
    if not first:
        lines = lines[::-1]
    assert not lines[:width].any()
    assert lines[width + 9 :].all()


@pytest.mark.parametrize("level", [-30.0, 0.0])
def test_a_dark_corner_is_no_strip(level):
    """What the beam does not reach is left out, the ice beside it stays, also where most of a row is dark."""
    image, _ = ice((450, 620), smooth=1)
    row, col = np.indices(image.shape)
    light = 1 / (1 + np.exp(-(row + 0.6 * col - 260) / 6))
    mask = usable_mask((level + (image - level) * np.maximum(light, 0.02)).astype(np.float32))
    assert mask[row + 0.6 * col > 330].mean() > 0.98


def test_strips_survive_resampling():
    image, _ = ice((1200, 1500), n_particles=0, smooth=3)
    image[:90], image[:, -75:] = image[90], image[:, -76:-75]
    mask = usable_mask(rescale(image, (401, 507)))
    assert not mask[:30].any()
    assert not mask[:, -25:].any()
    assert mask[42:, :-38].all()


@pytest.mark.parametrize("value", [0.0, -8.0])
def test_zero_padding_is_found(value):
    image, _ = ice()
    image[-60:], image[:, :45] = value, value
    mask = usable_mask(image)
    assert not mask[-60:].any()
    assert not mask[:, :45].any()
    assert mask[:-72, 57:].all()


def test_the_corners_of_a_turned_image_are_found():
    image, _ = ice()
    row, col = np.mgrid[:420, :610]
    image[row + col < 150] = 0
    mask = usable_mask(image)
    assert mask[row + col < 140].mean() < 0.1
    assert mask[row + col > 175].all()


@pytest.mark.parametrize("seed", range(3))
def test_the_carbon_film_is_found(seed):
    image, centres = ice(contrast=1, seed=seed)
    row, col = np.mgrid[:420, :610]
    distance = np.hypot(row - 500, col - 500) - 480  # positive on the film
    image[distance > 0] -= 2
    image -= (4 * np.exp(-((distance - 6) ** 2) / 30)).astype(np.float32)
    mask = usable_mask(image)
    assert mask[distance > 5].mean() < 0.02
    assert mask[distance < -20].mean() > 0.99
    on_ice = centres[np.hypot(centres[:, 0] - 500, centres[:, 1] - 500) < 460].astype(int)
    assert mask[on_ice[:, 0], on_ice[:, 1]].all()


def test_the_carbon_may_cover_the_larger_part():
    image, _ = ice(contrast=1)
    row, col = np.mgrid[:420, :610]
    film = col > 210 + row / 4
    image[film] -= 3
    mask = usable_mask(image)
    assert mask[film].mean() < 0.03
    assert mask[col < 185 + row / 4].all()


@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (30, 40), (90, 130)])
def test_images_of_any_size_can_be_judged(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert usable_mask(image).shape == shape
    assert usable_mask(image).all()


# Experts' labels on carbon film or where it begins; on all other micrographs none may be lost.
ON_CARBON = {
    "15_27_22": 15,
    "15_30_21": 17,
    "15_41_22": 1,
    "15_46_37": 18,
    "15_53_09": 2,
    "16_26_22": 3,
}


def test_real_labels_stay_usable(shared_data):
    for folder, diameter in (("empiar10017", 180.0), ("empiar10028", 300.0)):
        for path in find_micrographs([shared_data / "micrographs" / folder]):
            micrograph = open_micrograph(path)
            mask = prepare(micrograph, diameter).mask
            star = shared_data / "coordinates" / folder / f"{path.stem}_autopick.star"
            xy = np.array(
                [line.split() for line in star.read_text().splitlines() if line.startswith(" ")], float
            )
            yx = to_wpx(xy[:, ::-1], micrograph.shape, mask.shape).round().astype(int)
            lost = int((~mask[yx[:, 0], yx[:, 1]]).sum())
            assert lost <= ON_CARBON.get(path.stem[-10:-2], 0), path.name
            assert mask.mean() > (0.75 if folder == "empiar10017" else 0.98), path.name


@pytest.mark.parametrize("contrast", [1, 2])
@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_that_ends_along_a_line_is_no_film(seed, contrast):
    """Particles as dense as they lie without touching, on one half of the micrograph."""
    rng = np.random.default_rng(seed)
    image, places = rng.normal(size=(600, 520)).astype(np.float32), np.empty((0, 2))
    row, col = np.indices((31, 31)) - 15
    disc = np.hypot(row, col) < 10.5
    for y, x in rng.integers(15, (300, 505), (5000, 2)):
        if not len(places) or np.hypot(*(places - (y, x)).T).min() >= 22:
            places = np.vstack([places, (y, x)])
            image[y - 15 : y + 16, x - 15 : x + 16] -= contrast * disc
    found = usable_mask(image)[tuple(places.astype(int).T)]
    assert found.mean() > 0.97


def test_half_black_and_half_white_is_answered():
    image = np.zeros((300, 260), np.float32)
    image[150:] = 1
    assert usable_mask(image).shape == image.shape
