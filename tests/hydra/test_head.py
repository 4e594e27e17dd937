from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_hydrapicker.hydra.layers import ThesisHead

CHANNELS = 8


@pytest.fixture
def head() -> ThesisHead:
    torch.manual_seed(3)
    return ThesisHead(in_channels=CHANNELS).eval()


def without_norms(head: ThesisHead) -> ThesisHead:
    """GroupNorm sees the whole map; without it a cell's answer depends on its neighbourhood alone."""
    for stage in [*head.early, head.last]:
        stage[2] = nn.Identity()
    return head


def features(height: int, width: int) -> Tensor:
    return torch.randn(2, CHANNELS, height, width, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize(("height", "width"), [(96, 160), (16, 32), (100, 70), (5, 130)])
@torch.no_grad()
def test_shapes(head: ThesisHead, height: int, width: int) -> None:
    maps = features(height, width)
    rows8, columns8 = -(-height // 8), -(-width // 8)
    assert head.stages(maps).shape == (2, 512, rows8, columns8)
    assert head.coarse(maps).shape == (2, 3, -(-height // 16), -(-width // 16))
    assert head.dense(maps).shape == (2, 3, rows8, columns8)


def test_size_is_the_thesis_network() -> None:
    head = ThesisHead()
    strides = [layer.stride[0] for layer in head.modules() if isinstance(layer, nn.Conv2d)]
    widths = [layer.out_channels for layer in head.modules() if isinstance(layer, nn.Conv2d)]
    assert strides == [2, 2, 2, 2, 1]
    assert widths == [128, 256, 512, 1024, 3]
    assert [layer.p for layer in head.modules() if isinstance(layer, nn.Dropout)] == [0.3] * 4


@torch.no_grad()
def test_starts_as_background_everywhere(head: ThesisHead) -> None:
    raw = head.coarse(features(64, 96))
    assert (raw[:, 0] + 4).abs().max() < 0.6
    assert raw[:, 1:].abs().max() < 0.6  # tanh still has its slope


@torch.no_grad()
def test_even_cells_of_dense_are_the_coarse_answer(head: ThesisHead) -> None:
    maps = features(96, 160)
    assert torch.equal(head.dense(maps)[..., ::2, ::2], head.coarse(maps))
    assert torch.equal(head(maps), head.dense(maps))


@pytest.mark.parametrize(("row", "column"), [(0, 1), (1, 0), (1, 1)])
@torch.no_grad()
def test_odd_cells_of_dense_are_the_coarse_answer_on_shifted_features(
    head: ThesisHead, row: int, column: int
) -> None:
    head = without_norms(head)
    maps = features(128, 192)
    shifted = head.coarse(maps[..., 8 * row :, 8 * column :])
    dense = head.dense(maps)[..., row::2, column::2]
    inside = (..., slice(2, -2), slice(2, -2))  # away from the cut, where zeros are padded
    torch.testing.assert_close(dense[inside], shifted[inside], rtol=1e-4, atol=1e-5)
    unshifted = head.coarse(maps)[..., : dense.shape[-2], : dense.shape[-1]]
    assert not torch.allclose(dense[inside], unshifted[inside], rtol=1e-2)


@torch.no_grad()
def test_norms_move_the_odd_cells_only_a_little(head: ThesisHead) -> None:
    maps = features(256, 320)
    shifted = head.coarse(maps[..., 8:, 8:])[..., 2:-2, 2:-2]
    dense = head.dense(maps)[..., 1::2, 1::2][..., 2:-2, 2:-2]
    assert (dense - shifted).abs().max() < 0.25 * shifted.std(dim=(-1, -2)).min()


def test_a_cell_sees_its_own_surroundings(head: ThesisHead) -> None:
    head = without_norms(head)
    maps = features(160, 192).requires_grad_()
    head.coarse(maps)[0, :, 4, 6].sum().backward()
    assert maps.grad is not None
    seen = torch.nonzero(maps.grad[0].abs().sum(0)).float()
    middle = (seen.amin(0) + seen.amax(0)) / 2
    assert ((middle - torch.tensor([16.0 * 4, 16.0 * 6])).abs() <= 8).all()
    assert (seen.amax(0) - seen.amin(0) + 1 == 63).all()


@torch.no_grad()
def test_channels_last_stays_so_and_answers_the_same(head: ThesisHead) -> None:
    maps = features(96, 160)
    expected = head.dense(maps)
    head = head.to(memory_format=torch.channels_last)
    maps = maps.to(memory_format=torch.channels_last)
    assert head.stages(maps).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(head.dense(maps), expected, rtol=1e-4, atol=1e-4)


def test_dense_can_be_trained(head: ThesisHead) -> None:
    head.dense(features(32, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())
