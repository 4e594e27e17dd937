from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import MIN_IOU, REACH_WPX, assign, box_iou, cell_centres, decode

GRID = (4, 7)  # 64 x 112 wpx
DENSE = (8, 14)


def points(*rows: tuple[float, float]) -> Tensor:
    return torch.tensor(rows).reshape(-1, 2)


def encode(centre_yx: Tensor, cell_yx: Tensor) -> Tensor:
    return torch.atanh((centre_yx - cell_yx) / REACH_WPX)


def in_grid(grid: tuple[int, int]) -> st.SearchStrategy[tuple[float, float]]:
    height, width = (16 * side for side in grid)
    return st.tuples(st.floats(-0.5, height - 0.75, width=32), st.floats(-0.5, width - 0.75, width=32))


def test_cells_are_centred_on_their_pixels() -> None:
    centres = cell_centres((2, 3))
    assert centres.shape == (2, 3, 2)
    # Cell (1, 2) covers rows 16..31 and columns 32..47, whose means are 23.5 and 39.5.
    assert centres[1, 2].tolist() == [23.5, 39.5]
    assert cell_centres((2, 3), stride=8)[1, 2].tolist() == [15.5, 23.5]
    assert torch.equal(cell_centres(DENSE, 8)[::2, ::2], cell_centres(GRID))


def test_decode_by_hand() -> None:
    raw = torch.zeros(2, 3, 2, 3)
    raw[1, :, 1, 2] = torch.tensor([-1.5, 0.5, -100.0])
    logits, centres = decode(raw)
    assert logits.shape == (2, 2, 3)
    assert centres.shape == (2, 2, 3, 2)
    assert logits[1, 1, 2] == -1.5
    assert centres[1, 1, 2].tolist() == pytest.approx([23.5 + 12 * 0.46211716, 39.5 - 12])
    assert torch.equal(centres[0], cell_centres((2, 3)))


def test_decode_answers_in_float32() -> None:
    logits, centres = decode(torch.zeros(1, 3, 40, 60, dtype=torch.bfloat16), stride=8)
    assert logits.dtype == centres.dtype == torch.float32
    assert centres[0, 39, 59].tolist() == [7.5 + 8 * 39, 7.5 + 8 * 59]


@settings(deadline=None, max_examples=60)
@given(in_grid(GRID), st.sampled_from([(16, GRID), (8, DENSE)]))
def test_what_is_assigned_can_be_encoded_and_decoded(
    centre: tuple[float, float], scale: tuple[int, tuple[int, int]]
) -> None:
    stride, grid = scale
    assignment = assign(points(centre), grid, stride)
    offsets = encode(assignment.target_yx, cell_centres(grid, stride))  # (h, w, 2)
    raw = torch.cat([torch.zeros(1, 1, *grid), offsets.permute(2, 0, 1)[None]], dim=1)
    _, decoded = decode(raw, stride)
    assert assignment.positive.any()
    error = (decoded[0][assignment.positive] - torch.tensor(centre)).abs()
    assert error.max() < 1e-4


@settings(deadline=None, max_examples=60)
@given(in_grid(GRID))
def test_an_isolated_particle_has_exactly_its_own_cell(centre: tuple[float, float]) -> None:
    y, x = centre
    assignment = assign(points(centre), GRID)
    own = (int((y + 0.5) // 16), int((x + 0.5) // 16))
    assert torch.nonzero(assignment.positive).tolist() == [list(own)]
    assert assignment.index[own] == 0
    assert assignment.target_yx[own].tolist() == [y, x]


@settings(deadline=None, max_examples=40)
@given(st.lists(in_grid(GRID), min_size=1, max_size=12), st.sampled_from([(16, GRID), (8, DENSE)]))
def test_equals_a_slow_reading_of_the_rules(
    centres: list[tuple[float, float]], scale: tuple[int, tuple[int, int]]
) -> None:
    stride, grid = scale
    assignment = assign(points(*centres), grid, stride)
    cells = cell_centres(grid, stride)
    for i in range(grid[0]):
        for j in range(grid[1]):
            cell = cells[i, j]
            claims = {}
            for k, centre in enumerate(points(*centres)):
                dy, dx = (centre - cell).tolist()
                if (-8 <= dy < 8 and -8 <= dx < 8) or box_iou(centre, cell) > MIN_IOU:
                    claims[k] = dy * dy + dx * dx
            assert bool(assignment.positive[i, j]) == bool(claims)
            if claims:
                assert claims[int(assignment.index[i, j])] == pytest.approx(min(claims.values()))
            else:
                assert assignment.index[i, j] == -1


def test_on_a_non_square_grid_rows_are_rows() -> None:
    assignment = assign(points((10.0, 100.0), (60.0, 3.0)), GRID)
    assert torch.nonzero(assignment.positive).tolist() == [[0, 6], [3, 0]]
    assert assignment.index[0, 6] == 0
    assert assignment.index[3, 0] == 1


def test_the_nearest_of_two_particles_has_the_cell() -> None:
    far, near = (17.0, 17.0), (24.0, 25.0)  # both within cell (1, 1), centred on (23.5, 23.5)
    for order, winner in (((far, near), 1), ((near, far), 0)):
        assignment = assign(points(*order), GRID)
        assert int(assignment.positive.sum()) == 1
        assert assignment.index[1, 1] == winner
        assert assignment.target_yx[1, 1].tolist() == list(near)


def test_on_the_dense_grid_four_cells_hold_a_particle() -> None:
    assignment = assign(points((30.0, 50.0)), DENSE, stride=8)
    # Centres within 8 of (30, 50): rows 23.5 and 31.5, columns 47.5 and 55.5.
    assert torch.nonzero(assignment.positive).tolist() == [[2, 5], [2, 6], [3, 5], [3, 6]]


def test_particles_outside_the_grid_are_nobodys() -> None:
    assignment = assign(points((-1.0, 20.0), (20.0, 112.0), (64.0, 20.0), (1e6, 1e6)), GRID)
    assert not assignment.positive.any()
    assert (assignment.index == -1).all()


def test_ignored_centres_give_way_to_particles() -> None:
    assignment = assign(points((5.0, 5.0)), GRID, ignore_yx=points((6.0, 6.0), (5.0, 40.0)))
    assert torch.nonzero(assignment.ignore).tolist() == [[0, 2]]
    assert torch.nonzero(assignment.positive).tolist() == [[0, 0]]


def test_no_particles_at_all() -> None:
    assignment = assign(torch.empty(0, 2), GRID, ignore_yx=points((60.0, 100.0)))
    assert not assignment.positive.any()
    assert (assignment.index == -1).all()
    assert torch.equal(assignment.target_yx, cell_centres(GRID))
    assert torch.nonzero(assignment.ignore).tolist() == [[3, 6]]
    assert not assign(torch.empty(0, 2), GRID).ignore.any()


def test_iou_by_hand() -> None:
    same, aside, apart = points((3.0, 4.0)), points((3.0, 11.0)), points((3.0, 30.0))
    assert box_iou(same, same).item() == 1
    assert box_iou(same, aside).item() == pytest.approx(14 / 28)  # 14 of 21 columns shared
    assert box_iou(same, apart).item() == 0
    assert box_iou(same, points((7.0, 6.0)), box=10).item() == pytest.approx(48 / 152)


def test_centres_of_another_shape_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"\(N, 2\), not \(3,\)"):
        assign(torch.zeros(3), GRID)
    with pytest.raises(ParameterError, match=r"\(1, 3\)"):
        assign(torch.zeros(0, 2), GRID, ignore_yx=torch.zeros(1, 3))
