"""Pictures with picks on them: the right circle, in the right colour, at the right place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.overlay import FALSE, FOUND, MISSED, UNSCORED, draw_overlay, score_colour
from napari_hydrapicker.picks import Picks

FLAT = np.zeros((120, 300), np.float32)


def draw(path: Path, image: np.ndarray, *args: object, **kwargs: object) -> np.ndarray:
    """Draw, and return the picture without the legend as an array (rows, columns, 3)."""
    draw_overlay(image, *args, path, **kwargs)  # type: ignore[arg-type]
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns of the pixels in a colour, the legend's left out."""
    return np.argwhere(np.abs(picture[:120] - colour).max(axis=2) < 40)


def test_a_circle_lies_where_the_pick_is(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", FLAT, Picks(np.array([[40.0, 210.0]])), 31.0)
    ring = near(picture, UNSCORED)
    weight = picture[:120, :, 2] / picture[:120, :, 2].sum()  # blue on black
    centre = [(weight * np.arange(120)[:, None]).sum(), (weight * np.arange(300)).sum()]
    np.testing.assert_allclose(centre, [40, 210], atol=0.1)
    radii = np.hypot(*(ring - [40, 210]).T)
    assert radii.min() > 14
    assert radii.max() < 17
    assert picture.shape[1] == 300
    assert picture.shape[0] > 120  # the legend


@pytest.mark.parametrize("max_side", [150, 100, 77])
def test_scaling_down_keeps_the_place(max_side: int, tmp_path: Path) -> None:
    # A dark spot in the image and the circle around it must stay concentric, at any factor.
    rows, cols = np.mgrid[:480, :1200]
    image = 1000 - 900 * np.exp(-((rows - 160.3) ** 2 + (cols - 840.6) ** 2) / (2 * 20.0**2))
    picture = draw(tmp_path / "a.png", image, Picks(np.array([[160.3, 840.6]])), 200.0, max_side=max_side)
    height = round(480 * max_side / 1200)
    by_row, by_col = height / 480, max_side / 1200
    expected = [(160.3 + 0.5) * by_row - 0.5, (840.6 + 0.5) * by_col - 0.5]
    ring = near(picture[:height], UNSCORED)
    np.testing.assert_allclose((ring.min(axis=0) + ring.max(axis=0)) / 2, expected, atol=0.51)
    dark = 255.0 - picture[:height, :, 0]
    dark[np.hypot(*(np.mgrid[:height, :max_side] - np.reshape(expected, (2, 1, 1)))) > 60 * by_col] = 0
    centre = [
        (np.arange(n) * dark.sum(axis=1 - axis)).sum() / dark.sum() for axis, n in enumerate(dark.shape)
    ]
    np.testing.assert_allclose(centre, expected, atol=0.3)


def test_found_false_and_missed(tmp_path: Path) -> None:
    truth = Picks(np.array([[30.0, 250.0], [60.0, 60.0]]))
    picks = Picks(np.array([[31.0, 251.0], [90.0, 150.0]]), np.array([0.9, 0.8]))
    picture = draw(tmp_path / "a.png", FLAT, picks, 30.0, truth=truth)
    np.testing.assert_allclose(near(picture, FOUND).mean(axis=0), [31, 251], atol=0.1)
    np.testing.assert_allclose(near(picture, FALSE).mean(axis=0), [90, 150], atol=0.1)
    missed = near(picture, MISSED)
    np.testing.assert_allclose(missed.mean(axis=0), [60, 60], atol=0.5)
    whole = near(draw(tmp_path / "b.png", FLAT, Picks(np.array([[60.0, 60.0]])), 30.0), UNSCORED)
    assert 0.35 * len(whole) < len(missed) < 0.8 * len(whole)  # dashed


def test_threshold_leaves_out_weak_picks(tmp_path: Path) -> None:
    picks = Picks(np.array([[30.0, 250.0], [60.0, 60.0]]), np.array([0.2, 0.7]))
    both = draw(tmp_path / "a.png", FLAT, picks, 30.0)
    strong = draw(tmp_path / "b.png", FLAT, picks, 30.0, threshold=0.5)
    weak_colour, strong_colour = score_colour(0.2, 0, 1), score_colour(0.7, 0, 1)
    np.testing.assert_allclose(near(both, weak_colour).mean(axis=0), [30, 250], atol=0.1)
    np.testing.assert_allclose(near(strong, strong_colour).mean(axis=0), [60, 60], atol=0.1)
    assert not len(near(strong, weak_colour))


def test_score_colours_grow_from_dark_to_bright() -> None:
    levels = [sum(np.multiply(score_colour(s, -2, 6), (0.3, 0.6, 0.1))) for s in np.linspace(-2, 6, 20)]
    assert (np.diff(levels) > 0).all()
    assert score_colour(3.0, 3.0, 3.0) == score_colour(1.0, 0.0, 1.0)


def test_contrast_ignores_outliers_and_bad_pixels(tmp_path: Path) -> None:
    image = np.tile(np.linspace(0, 100, 300, dtype=np.float32), (120, 1))
    image[5, 5], image[80, 200], image[100, 100], image[:8] = 1e6, np.nan, np.inf, -1e5
    picture = draw(tmp_path / "a.png", image, Picks(np.empty((0, 2))), 10.0)
    grey = picture[60, :, 0]
    assert (np.diff(grey) >= 0).all()
    assert grey[0] < 10
    assert grey[-1] > 245
    assert 120 < grey[150] < 136


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.float16, np.float64])
def test_any_pixel_type(dtype: type, tmp_path: Path) -> None:
    image = np.tile(np.arange(100), (40, 1)).astype(dtype)
    grey = draw(tmp_path / "a.png", image, Picks(np.empty((0, 2))), 10.0)[20, :, 0]
    assert grey[5] < grey[50] < grey[95]


@pytest.mark.parametrize("truth", [None, Picks(np.empty((0, 2)))])
def test_no_picks_and_a_tiny_image(truth: Picks | None, tmp_path: Path) -> None:
    picture = draw(
        tmp_path / "a.png", np.full((3, 40), 7, np.uint8), Picks(np.empty((0, 2))), 5.0, truth=truth
    )
    assert picture.shape[1] == 40
    assert (picture[:3] == picture[0, 0]).all()


def test_a_pick_off_the_image_does_no_harm(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", FLAT, Picks(np.array([[-500.0, 40.0], [30.0, 9999.0]])), 30.0)
    assert not len(near(picture, UNSCORED))


def test_bad_input_is_refused(tmp_path: Path) -> None:
    none = Picks(np.empty((0, 2)))
    with pytest.raises(ParameterError, match="shape"):
        draw_overlay(np.zeros((2, 20, 20)), none, 5.0, tmp_path / "a.png")
    with pytest.raises(ParameterError, match="shape"):
        draw_overlay(np.zeros((0, 20)), none, 5.0, tmp_path / "a.png")
    with pytest.raises(ParameterError, match="diameter"):
        draw_overlay(FLAT, none, 0.0, tmp_path / "a.png")
    draw_overlay(FLAT, none, 5.0, tmp_path / "missing" / "a.png")
    assert (tmp_path / "missing" / "a.png").exists()
    (tmp_path / "a.txt").touch()
    with pytest.raises(ParameterError, match="cannot be written"):
        draw_overlay(FLAT, none, 5.0, tmp_path / "a.txt" / "a.png")


def test_on_a_real_micrograph(shared_data: Path, tmp_path: Path) -> None:
    from napari_hydrapicker.io import coordinates as formats
    from napari_hydrapicker.io.micrograph import open_micrograph

    micrograph = open_micrograph(shared_data / "micrographs" / "empiar10028" / "062.mrc")
    labels = formats.read(shared_data / "coordinates" / "empiar10028" / "062_autopick.star")["062"]
    draw_overlay(micrograph.pixels(), labels, 56.0, tmp_path / "a.png", truth=labels, max_side=512)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), int)[:512]
    # Particles are dark: the middle of the circles is darker than the picture on average.
    middles = (labels.yx + 0.5) / 2 - 0.5
    discs = np.hypot(*(np.mgrid[:512, :512][:, None] - middles.T[:, :, None, None])).min(axis=0) < 7
    assert pixels[discs].mean() < pixels.mean() - 20
    assert len(near(pixels[:120], FOUND)) > 100
