from __future__ import annotations

import torch
from torch import nn

from napari_hydrapicker.hydra.layers import ThesisBody


def test_keeps_a_non_square_shape() -> None:
    assert ThesisBody(channels=8, groups=4)(torch.randn(2, 1, 24, 40)).shape == (2, 8, 24, 40)


def test_size_is_the_thesis_network() -> None:
    body = ThesisBody()
    convolutions = [layer for layer in body.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in body.modules() if isinstance(layer, nn.GroupNorm)]
    assert len(convolutions) == 2 + 3 * 4
    assert len(norms) == 1 + 3 * 2
    assert all(conv.bias is None for conv in convolutions)
    weights = 9 * 64 + 13 * 9 * 64 * 64
    assert sum(p.numel() for p in body.parameters()) == weights + 7 * 2 * 64


def test_sees_fourteen_pixels_far_on_both_axes() -> None:
    # 14 convolutions of 3x3. Without the norms, which see the whole image, nothing else may leak in.
    body = ThesisBody(channels=4, groups=2)
    for block in [body.stem, *(pair for b in body.blocks for pair in (b.first, b.second))]:
        block[2] = nn.Identity()
    image = torch.randn(1, 1, 40, 48, requires_grad=True)
    body(image)[0, :, 20, 22].sum().backward()
    assert image.grad is not None
    seen = torch.nonzero(image.grad[0, 0])
    assert (seen.amin(0) >= torch.tensor([6, 8])).all()
    assert (seen.amax(0) <= torch.tensor([34, 36])).all()
    assert (seen.amax(0) - seen.amin(0) > 16).all()


def test_block_is_the_identity_plus_its_pairs() -> None:
    block = ThesisBody(channels=8, groups=4).blocks[0]
    nn.init.zeros_(block.second[2].weight)
    features = torch.rand(1, 8, 6, 10)
    assert torch.equal(block(features), features)


def test_training_reaches_every_weight() -> None:
    body = ThesisBody(channels=8, groups=4)
    body(torch.randn(1, 1, 16, 24)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in body.parameters())
