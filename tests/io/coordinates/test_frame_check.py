"""The frame check: positions read wrongly are told from those read rightly, by the image alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.coordinates.frame_check import (
    MIN_PICKS,
    READINGS,
    FrameCheck,
    Reading,
    check_frame,
)
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picks import Picks

SHAPE = (700, 1000)
DIAMETER_PX = 36


def micrograph(n: int, seed: int = 0, contrast: float = -0.8) -> tuple[np.ndarray, Picks]:
    """Noise with n discs, and their centres; not square, and denser on one side."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, 10, SHAPE).astype(np.float32)
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    centres: list[tuple[float, float]] = []
    while len(centres) < n:
        y, x = rng.uniform(0, 1, 2) ** (1.5, 1) * np.array(SHAPE)
        if all((y - a) ** 2 + (x - b) ** 2 > (1.2 * DIAMETER_PX) ** 2 for a, b in centres):
            centres.append((y, x))
            image[(rows - y) ** 2 + (cols - x) ** 2 < (DIAMETER_PX / 2) ** 2] += contrast * 10
    return image, Picks(np.array(centres))


def as_in_a_file(reading: Reading, picks: Picks, shape: tuple[int, int] = SHAPE) -> Picks:
    """Return the picks as a file holds them that must be read so."""
    yx = picks.yx.copy()
    if reading.flip_y:
        yx[:, 0] = shape[0] - 1 - yx[:, 0]
    return Picks((yx[:, ::-1] if reading.swap else yx) / reading.scale, diameter_px=picks.diameter_px)


@pytest.mark.parametrize("reading", READINGS, ids=lambda one: one.options or "as read")
def test_every_reading_can_be_undone(reading: Reading) -> None:
    picks = Picks(np.array([[10.0, 600.0], [390.5, 20.25]]), diameter_px=40)
    back = reading.apply(as_in_a_file(reading, picks), SHAPE)
    np.testing.assert_allclose(back.yx, picks.yx)
    assert back.diameter_px == 40 * reading.scale


@pytest.mark.parametrize("contrast", [-0.8, 0.8], ids=["dark", "light"])
@pytest.mark.parametrize("reading", READINGS, ids=lambda one: one.options or "as read")
def test_readings_are_told_apart_on_twenty_particles(reading: Reading, contrast: float) -> None:
    image, picks = micrograph(MIN_PICKS, seed=3, contrast=contrast)
    check = check_frame([(image, as_in_a_file(reading, picks))])
    assert check is not None
    assert check.best == reading
    assert check.doubtful is not reading.as_read


def test_positions_that_are_on_nothing_are_not_doubted() -> None:
    image, _ = micrograph(60, seed=5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        check = check_frame([(image, Picks(rng.uniform(0, 1, (40, 2)) * SHAPE))])
        assert check is not None
        assert not check.doubtful
        assert check.message() == ""


def test_most_picks_right_are_enough() -> None:
    image, picks = micrograph(60, seed=7)
    rng = np.random.default_rng(2)
    yx = np.concatenate([picks.yx[:40], rng.uniform(0, 1, (20, 2)) * SHAPE])
    check = check_frame([(image, Picks(yx))])
    assert check is not None
    assert not check.doubtful
    check = check_frame([(image, as_in_a_file(Reading(flip_y=True), Picks(yx)))])
    assert check is not None
    assert check.best == Reading(flip_y=True)


def test_what_is_said_names_evidence_and_options() -> None:
    image, picks = micrograph(30, seed=3)
    turned = as_in_a_file(Reading(True, True, 0.5), picks)
    check = check_frame([(image, turned)])
    assert check is not None
    said = check.message()
    assert "do not fit the micrographs as read (" in said
    assert "of 30 lie outside them), but turned upside down" in said
    assert "and with x and y swapped and scaled by 0.5 they do" in said
    assert said.endswith("if it is right, give --flip-y --swap --scale 0.5")
    assert check.message("tick the box").endswith("; tick the box")


def test_a_reading_that_is_given_is_checked_too() -> None:
    image, picks = micrograph(30, seed=3)
    right = Reading(swap=True)
    in_file = as_in_a_file(right, picks)
    check = check_frame([(image, in_file)], given=right)
    assert check is not None
    assert not check.doubtful
    check = check_frame([(image, picks)], given=Reading(scale=3.0))
    assert check is not None
    assert check.best.as_read
    assert "as they stand in the file they do" in check.message()
    assert check.message().endswith("leave out the options for reading")


def test_several_micrographs_of_unlike_sizes_are_looked_at_together(tmp_path: Path) -> None:
    samples = []
    for seed in (11, 12, 13):
        image, picks = micrograph(10, seed=seed)
        path = tmp_path / f"{seed}.mrc"
        with mrcfile.new(path) as file:
            file.set_data(image[: 600 if seed == 11 else 700])
        one = open_micrograph(path)
        inside = picks.select(picks.y < one.shape[0])
        samples.append((one, as_in_a_file(Reading(flip_y=True), inside, one.shape)))
    check = check_frame(samples)
    assert check is not None
    assert check.n_micrographs == 3
    assert check.best == Reading(flip_y=True)
    assert check_frame(samples[:1]) is None, "ten picks are too few to say anything"


def test_micrographs_that_disagree_are_told_apart() -> None:
    """As where one of three was binned and its positions were not."""
    samples = []
    for seed in (3, 4, 6):
        image, picks = micrograph(MIN_PICKS, seed=seed)
        samples.append((image, as_in_a_file(Reading(scale=0.5 if seed == 6 else 1.0), picks)))
    check = check_frame(samples)
    assert check is not None
    assert check.doubtful
    assert (check.best, check.others) == (Reading(), {Reading(scale=0.5): 1})
    assert "they fit as they stand in the file on 2, scaled by 0.5 on 1; read these apart" in check.message()


def test_micrographs_that_disagree_are_named(tmp_path: Path) -> None:
    samples = []
    for i, reading in enumerate([Reading()] * 3 + [Reading(flip_y=True)] * 4 + [Reading(scale=2)]):
        image, picks = micrograph(MIN_PICKS, seed=(3, 4, 6)[i % 3])
        with mrcfile.new(tmp_path / f"m{i}.mrc") as file:
            file.set_data(image)
        samples.append((open_micrograph(tmp_path / f"m{i}.mrc"), as_in_a_file(reading, picks)))
    check = check_frame(samples)
    assert check is not None
    assert check.best == Reading(flip_y=True)
    said = check.message()
    assert "on all of 8 micrographs that were looked at" in said
    assert "turned upside down on 4, as they stand in the file on 3 (m0, m1, m2), scaled by 2 on 1 (m7)" in (
        said
    )
    many = FrameCheck(
        160, 8, check.fits, Reading(scale=2), by_micrograph=check.by_micrograph, names=(*"abcdefgh",)
    )
    assert "turned upside down on 4 (d, e, f and 1 more)" in many.message()


class Counted(Micrograph):
    """Counts how often its pixels are read."""

    read: ClassVar[list[str]] = []

    def pixels(self) -> np.ndarray:
        self.read.append(self.stem)
        return super().pixels()


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[list[tuple[Micrograph, Picks]]]:
    """Three micrographs that count their reading, with picks upside down."""
    samples: list[tuple[Micrograph, Picks]] = []
    for seed in (3, 4, 6):
        image, picks = micrograph(MIN_PICKS, seed=seed)
        with mrcfile.new(tmp_path / f"{seed}.mrc") as file:
            file.set_data(image)
        one = Counted(tmp_path / f"{seed}.mrc", SHAPE, None)
        samples.append((one, as_in_a_file(Reading(flip_y=True), picks)))
    Counted.read.clear()
    yield samples
    Counted.read.clear()


def test_each_micrograph_is_read_once_and_progress_is_told(counted: list[tuple[Micrograph, Picks]]) -> None:
    told: list[tuple[int, int]] = []
    check = check_frame(counted, report=lambda done, total: told.append((done, total)))
    assert check is not None
    assert check.best == Reading(flip_y=True)
    assert Counted.read == ["3", "4", "6"]
    assert sorted(told) == told
    assert {(0, 3), (1, 3), (2, 3)} <= set(told)


@pytest.mark.parametrize("calls", range(1, 7))
def test_a_check_can_be_stopped_at_every_step(counted: list[tuple[Micrograph, Picks]], calls: int) -> None:
    class Stop(Exception):
        pass

    left = calls

    def report(done: int, total: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Stop

    with pytest.raises(Stop):
        check_frame(counted, report=report)
    assert len(Counted.read) == calls // 2, "what comes after is not read"


def test_particles_that_only_the_finest_image_shows_are_told_apart() -> None:
    """Of 5 pixels across on 700 x 1000: the coarse images, which are looked at first, do not tell."""
    rng = np.random.default_rng(8)
    image = rng.normal(100, 10, SHAPE).astype(np.float32)
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    yx = np.round(rng.uniform(0, 1, (60, 2)) ** (1.5, 1) * (np.array(SHAPE) - 1))
    for y, x in yx:
        image[(rows - y) ** 2 + (cols - x) ** 2 < 5] -= 3.4
    for reading in READINGS[:4]:
        check = check_frame([(image, as_in_a_file(reading, Picks(yx)))])
        assert check is not None
        assert check.best == reading


def test_what_is_no_number_spoils_nothing() -> None:
    image, picks = micrograph(30, seed=3)
    image[::7, ::5] = np.nan
    image[:100, 200:260] = np.inf
    check = check_frame([(image, as_in_a_file(Reading(flip_y=True), picks))])
    assert check is not None
    assert check.best == Reading(flip_y=True)


@pytest.mark.parametrize("pixels", [np.zeros(SHAPE), np.full(SHAPE, np.nan), np.zeros((1, 1)), np.eye(9)])
def test_images_that_show_nothing_raise_no_doubt(pixels: np.ndarray) -> None:
    check = check_frame([(pixels, Picks(np.ones((30, 2))))])
    assert check is not None
    assert not check.doubtful


@pytest.mark.parametrize("folder", ["empiar10028", "empiar10017"])
def test_real_micrographs(folder: str, shared_data: Path) -> None:
    """Twenty expert labels at a time: right ones are never doubted, wrong ones always."""
    rng = np.random.default_rng(1)
    paths = sorted((shared_data / "micrographs" / folder).glob("*.mrc"))[:3]
    for path in paths:
        one = open_micrograph(path)
        name = f"{path.stem}_autopick.star"
        [labels] = formats.read(shared_data / "coordinates" / folder / name).values()
        some = labels.select(rng.choice(len(labels), MIN_PICKS, replace=False))
        for reading in READINGS[:8]:
            check = check_frame([(one, as_in_a_file(reading, some, one.shape))])
            assert check is not None
            assert check.best == reading
