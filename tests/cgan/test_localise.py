"""Localisation (Algorithm 3) on marks made by hand, and on the truth of synthetic pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_hydrapicker.cgan.localise import LocaliseParameters, find_blobs
from napari_hydrapicker.cgan.synthesis import synthesise_pair
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.errors import ParameterError

SIDE = 11
SHAPE = (80, 130)
Marks = list[tuple[int, int]]


def noise(shape: tuple[int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 1, shape).astype(np.float32)


def marked(image: np.ndarray, middles: Marks, side: int = SIDE, strength: float = 1.0) -> np.ndarray:
    """Blacken squares around the given middles, which may lie at the border."""
    output = image.copy()
    half = side // 2
    for row, col in middles:
        output[max(0, row - half) : row + half + 1, max(0, col - half) : col + half + 1] *= 1 - strength
    return output


def found(output: np.ndarray, image: np.ndarray, **parameters: object) -> np.ndarray:
    yx, scores = find_blobs(image, output, LocaliseParameters(**parameters))  # type: ignore[arg-type]
    assert yx.dtype == np.float64
    assert scores.shape == (len(yx),)
    return yx[np.lexsort(yx.T[::-1])]


def test_marks_on_a_non_square_image_come_back_where_they_are() -> None:
    middles = [(10, 100), (30, 20), (65, 115), (70, 60)]
    image = noise()
    yx, scores = find_blobs(image, marked(image, middles))
    np.testing.assert_allclose(yx[np.lexsort(yx.T[::-1])], middles, atol=1e-6)
    np.testing.assert_allclose(scores, 1, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("split", [False, True])
def test_an_image_without_marks_has_no_picks(level: float, split: bool) -> None:
    image = np.full(SHAPE, level, np.float32)
    yx, scores = find_blobs(image, image, LocaliseParameters(split=split))
    assert yx.shape == (0, 2)
    assert scores.shape == (0,)
    # An output brighter than the input is no mark either.
    assert len(find_blobs(image, np.ones(SHAPE, np.float32))[0]) == 0


APART: Marks = [(15, 15), (15, 60), (15, 110), (65, 15)]
TOUCHING = {
    "side by side": [(50, 60), (50, 71)],
    "one above the other": [(45, 80), (56, 80)],
    "overlapping": [(50, 60), (52, 69)],
    "at an angle": [(45, 60), (49, 70)],
}


@pytest.mark.parametrize("pair", TOUCHING.values(), ids=TOUCHING)
def test_two_touching_marks_are_lost_without_splitting(pair: Marks) -> None:
    image = noise()
    output = marked(image, APART + pair)
    np.testing.assert_allclose(found(output, image), sorted(APART), atol=1e-6)


@pytest.mark.parametrize("marker", [None, SIDE])
@pytest.mark.parametrize("pair", TOUCHING.values(), ids=TOUCHING)
def test_two_touching_marks_are_two_picks_with_splitting(pair: Marks, marker: int | None) -> None:
    image = noise()
    output = marked(image, APART + pair)
    picks = found(output, image, split=True, marker_wpx=marker)
    assert len(picks) == 6
    np.testing.assert_allclose(picks, sorted(APART + pair), atol=1.0)


def test_marks_that_touch_at_a_corner_are_parted_by_the_erosion() -> None:
    image = noise()
    middles = [*APART, (45, 60), (54, 70)]
    np.testing.assert_allclose(found(marked(image, middles), image), sorted(middles), atol=0.2)


def test_alone_two_touching_marks_are_one_pick_unless_their_size_is_known() -> None:
    image = noise()
    output = marked(image, [(40, 60), (40, 71)])
    for split in (False, True):
        np.testing.assert_allclose(found(output, image, split=split), [(40, 65.5)], atol=1e-6)
    picks = found(output, image, split=True, marker_wpx=SIDE)
    np.testing.assert_allclose(picks, [(40, 60), (40, 71)], atol=0.6)


def test_a_chain_of_marks_is_split_into_as_many() -> None:
    image = noise()
    chain = [(40, 20), (40, 31), (40, 42), (51, 42), (62, 42)]
    picks = found(marked(image, chain), image, split=True, marker_wpx=SIDE)
    np.testing.assert_allclose(picks, chain, atol=1.5)


def test_marks_joined_by_a_thin_bridge_are_parted_by_the_erosion() -> None:
    image = noise()
    output = marked(image, [(40, 40), (40, 60)])
    output[39:43, 40:60] = 0
    picks = found(output, image)
    assert len(picks) == 2
    np.testing.assert_allclose(picks, [(40, 40), (40, 60)], atol=1.5)
    assert len(found(output, image, erosion_wpx=1)) == 1


@pytest.mark.parametrize(
    ("middle", "visible"),
    [((0, 70), (2.5, 70)), ((79, 40), (76.5, 40)), ((30, 0), (30, 2.5)), ((60, 129), (60, 126.5))],
)
def test_a_mark_at_the_border_is_found_in_the_middle_of_what_is_seen(
    middle: tuple[int, int], visible: tuple[float, float]
) -> None:
    image = noise()
    picks = found(marked(image, [middle]), image)
    np.testing.assert_allclose(picks, [visible], atol=1e-6)
    with_others = found(marked(image, [(40, 60), (40, 90), middle]), image)
    assert len(with_others) == 3
    assert np.abs(with_others - visible).sum(1).min() < 1e-5


def test_regions_far_from_the_mean_area_are_left_out() -> None:
    image = noise()
    output = marked(image, APART)
    output = marked(output, [(55, 100)], side=21)
    output = marked(output, [(60, 50)], side=7)
    np.testing.assert_allclose(found(output, image), sorted(APART), atol=1e-6)
    assert len(found(output, image, tolerance=10)) == 6
    # Areas after the erosion: four of 7 x 7, one of 17 x 17 and one of 3 x 3.
    mean = (4 * 49 + 289 + 9) / 6
    assert len(found(output, image, tolerance=289 / mean - 1 + 1e-6)) == 6
    assert len(found(output, image, tolerance=289 / mean - 1 - 1e-6)) == 5
    assert len(found(output, image, tolerance=1 - 9 / mean + 1e-6)) == 5
    assert len(found(output, image, tolerance=1 - 9 / mean - 1e-6)) == 4


def test_specks_do_not_count_for_the_mean_area() -> None:
    image = noise()
    output = marked(image, APART)
    output[50:54, 40:120:6] = 0  # removed by the erosion
    np.testing.assert_allclose(found(output, image), sorted(APART), atol=1e-6)


def test_the_threshold_is_on_input_minus_output() -> None:
    image = np.full(SHAPE, 0.5, np.float32)
    output = marked(marked(image, [(20, 20)], strength=0.3), [(20, 80)], strength=0.18)
    np.testing.assert_allclose(found(output, image), [(20, 20)], atol=1e-6)  # 0.15 and 0.09
    assert len(found(output, image, threshold=0.08)) == 2
    assert len(found(output, image, threshold=0.2)) == 0


def test_the_score_is_the_share_of_brightness_taken_away() -> None:
    image = noise()
    image[:, 65:] *= 0.6  # a dark particle's mark is no worse than a bright one's
    output = marked(image, [(20, 20), (20, 100)], strength=1.0)
    output = marked(output, [(60, 20), (60, 100)], strength=0.75)
    yx, scores = find_blobs(image, output, LocaliseParameters(threshold=0.01))
    strong = yx[:, 0] < 40
    np.testing.assert_allclose(scores[strong], 1, atol=1e-5)
    np.testing.assert_allclose(scores[~strong], 0.75, atol=1e-5)
    assert strong.sum() == 2


def test_the_centre_is_weighted_by_strength() -> None:
    image = np.ones(SHAPE, np.float32)
    output = image.copy()
    slope = np.linspace(0.2, 0.8, 11, dtype=np.float32)
    output[30:41, 60:71] = 1 - slope
    expected = 60 + (slope * np.arange(11)).sum() / slope.sum()
    (pick,) = found(output, image)
    np.testing.assert_allclose(pick, (35, expected), atol=1e-4)
    assert 0.5 < pick[1] - 65 < 2


def test_a_region_of_many_marks_is_contamination_and_not_divided() -> None:
    image = noise((200, 260))
    output = marked(image, APART)
    output[60:190, 40:240] = 0
    picks = found(output, image, split=True, marker_wpx=SIDE)
    assert ((picks[:, 0] < 60) | (picks[:, 0] > 190) | (picks[:, 1] < 40)).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(60, 160), st.integers(60, 160), st.integers(0, 10**6), st.booleans())
@example(73, 140, 581108, False)  # a mark that fills the corner, uncut
def test_the_truth_of_a_pair_gives_its_centres(rows: int, cols: int, seed: int, split: bool) -> None:
    parameters = SynthesisParameters(coverage=(0.3, 0.6))
    pair = synthesise_pair(noise((rows, cols), seed), np.random.default_rng(seed), parameters)
    yx, scores = find_blobs(pair.image, pair.truth, LocaliseParameters(split=split, marker_wpx=SIDE))
    inside = pair.yx[((pair.yx >= 5) & (pair.yx <= np.array([rows, cols]) - 6)).all(1)]
    for centre in inside:
        assert np.abs(yx - centre).max(1).min() < 1e-4
    assert len(yx) <= len(pair.yx)
    np.testing.assert_allclose(scores, 1, atol=1e-5)


@pytest.mark.parametrize(
    "shapes", [((20, 30), (30, 20)), ((20, 30, 1), (20, 30, 1)), ((20,), (20,))], ids=["turned", "3-D", "1-D"]
)
def test_images_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    image, output = (np.ones(shape, np.float32) for shape in shapes)
    with pytest.raises(ParameterError, match="shape"):
        find_blobs(image, output)


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 0.0), ("threshold", 1.5), ("erosion_wpx", 4), ("erosion_wpx", 0), ("tolerance", -0.1),
     ("tolerance", float("nan")), ("marker_wpx", 0.0), ("marker_wpx", float("inf"))],
)  # fmt: skip
def test_parameters_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name.removesuffix("_wpx")):
        LocaliseParameters(**{name: value})  # type: ignore[arg-type]
