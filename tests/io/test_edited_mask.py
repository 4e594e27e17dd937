"""The mask that a user paints: its bitmap, and where it lies on other grids. All shapes are non-square."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.edited_mask import MAX_SIDE, EditedMask, MaskGrid

# Micrograph, and side of a block: unbinned, binned, with blocks cut by the edges.
SHAPES = [((300, 470), 1), ((2048, 1536), 2), ((4092, 5760), 6), ((5761, 4093), 6), ((7420, 7676), 8)]
# Working pixels per micrograph pixel: coarser than the bitmap, as fine, and finer than the micrograph.
SCALES = [0.04, 0.117, 0.5, 1.3]


def painted(shape_px: tuple[int, int]) -> tuple[EditedMask, tuple[slice, slice]]:
    """A mask whose upper right is left out, a box without any symmetry; and that box in micrograph pixels."""
    grid = MaskGrid.of(shape_px)
    rows, cols = grid.shape
    box = slice(rows // 10, rows // 3), slice(cols * 2 // 3, cols * 9 // 10)
    left_out = np.zeros(grid.shape, np.uint8)
    left_out[box] = 3  # any label counts
    block = grid.block_px
    return EditedMask.from_left_out(left_out, shape_px), tuple(
        slice(side.start * block, side.stop * block) for side in box
    )  # type: ignore[return-value]


@pytest.mark.parametrize(("shape", "block"), SHAPES)
def test_the_grid_covers_the_micrograph_and_no_more(shape: tuple[int, int], block: int) -> None:
    grid = MaskGrid.of(shape)
    assert grid.block_px == block
    assert max(grid.shape) <= MAX_SIDE
    for n, n_px in zip(grid.shape, shape, strict=True):
        assert (n - 1) * block < n_px <= n * block
    # The first block's left edge is that of the first pixel, whose centre is at 0.
    assert grid.offset_px - block / 2 == -0.5


# Nobody works at a scale finer than a large micrograph's own.
WORKED_AT = [(shape, scale) for shape, _ in SHAPES for scale in SCALES if scale < 1 or max(shape) < 3000]


@pytest.mark.parametrize(("shape", "scale"), WORKED_AT)
def test_on_the_working_image_it_lies_where_it_was_painted(shape: tuple[int, int], scale: float) -> None:
    mask, box = painted(shape)
    shape_w = (round(shape[0] * scale), round(shape[1] * scale))
    usable = mask.usable_on(shape_w)
    assert usable.shape == shape_w
    # Sample i of the working image is centred on pixel i * n / n_w.
    for axis, side in enumerate(box):
        places = np.arange(shape_w[axis]) * (shape[axis] / shape_w[axis])
        expected = (places >= side.start - 0.5) & (places < side.stop - 0.5)
        np.testing.assert_array_equal((~usable).any(axis=1 - axis), expected)
    middle = np.argwhere(~usable).mean(axis=0) * np.array(shape) / shape_w
    truth = [(side.start + side.stop - 1) / 2 for side in box]
    assert np.abs(middle - truth).max() < 0.5 / scale + 1e-9, "no shift beyond the sampling"


@settings(deadline=None, max_examples=60)
@given(st.integers(40, 900), st.integers(40, 900), st.data())
def test_what_is_found_comes_to_the_grid_and_back(rows: int, cols: int, data: st.DataObject) -> None:
    shape_w = (data.draw(st.integers(20, rows)), data.draw(st.integers(20, cols)))
    usable = np.ones(shape_w, bool)
    usable[: shape_w[0] // 3, shape_w[1] // 2 :] = False
    grid = MaskGrid.of((rows, cols))
    mask = EditedMask.from_left_out(grid.left_out(usable), (rows, cols))
    # The micrograph is at least as fine, so that every sample has a pixel of its own.
    np.testing.assert_array_equal(mask.usable_on(shape_w), usable)


@pytest.mark.parametrize(("shape", "block"), SHAPES)
def test_places_are_looked_up_in_micrograph_pixels(shape: tuple[int, int], block: int) -> None:
    mask, (rows, cols) = painted(shape)
    top, left, bottom, right = rows.start - 0.5, cols.start - 0.5, rows.stop - 0.5, cols.stop - 0.5
    inside = [[top + 0.1, left + 0.1], [bottom - 0.1, right - 0.1], [top + 0.1, right - 0.1]]
    outside = [[top - 0.1, left + 0.1], [top + 0.1, left - 0.1], [bottom + 0.1, right - 0.1]]
    turned = [[left + 0.1, top + 0.1]]
    assert not mask.is_usable(inside).any()
    assert mask.is_usable([*outside, *turned]).all()
    assert mask.is_usable(np.empty((0, 2))).shape == (0,)
    assert mask.is_usable([[-0.5, -0.5], [shape[0] - 0.5, shape[1] - 0.5]]).all(), "edges belong to it"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 70), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_every_bitmap_comes_back(rows: int, cols: int, seed: int) -> None:
    left_out = np.random.default_rng(seed).random((rows, cols)) < 0.3
    mask = EditedMask.from_left_out(left_out, (rows, cols))
    np.testing.assert_array_equal(mask.left_out(), left_out)
    assert mask.bits.isascii()
    assert hash(mask) == hash(EditedMask.from_left_out(left_out, (rows, cols)))


def test_a_bitmap_of_strokes_is_small() -> None:
    mask, _ = painted((7420, 7676))
    assert len(mask.bits) < 3000


def test_a_bitmap_of_another_shape_is_refused() -> None:
    with pytest.raises(ParameterError, match="does not fit"):
        EditedMask.from_left_out(np.zeros((470, 300), bool), (300, 470))


@pytest.mark.parametrize(
    ("block", "bits"),
    [(1, "no base64"), (1, base64.b64encode(b"no zlib").decode()), (0, ""),
     (1, base64.b64encode(zlib.compress(b"too short")).decode())],
)  # fmt: skip
def test_damage_is_told(block: int, bits: str) -> None:
    with pytest.raises(ParameterError, match="damaged"):
        EditedMask((300, 470), block, bits).left_out()
