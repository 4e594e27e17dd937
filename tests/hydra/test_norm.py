"""The fast gradient agrees with torch's own."""

from __future__ import annotations

import pytest
import torch

from napari_hydrapicker.hydra.norm import GroupNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_those_of_torch(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    ours, theirs = GroupNorm(4, 8), torch.nn.GroupNorm(4, 8)
    with torch.no_grad():
        ours.weight.normal_(1, 0.3)
        ours.bias.normal_()
    theirs.load_state_dict(ours.state_dict())
    weight = torch.randn(3, 8, 5, 7)
    grads = []
    for norm in (ours, theirs):
        x = torch.arange(3 * 8 * 5 * 7.0).sin().view(3, 8, 5, 7).contiguous(memory_format=layout)
        x.requires_grad_()
        (norm(x) * weight).square().sum().backward()
        assert x.grad is not None
        grads.append([x.grad, norm.weight.grad, norm.bias.grad])
    for mine, reference in zip(*grads, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-4)


def test_forward_is_torch_s_to_the_bit() -> None:
    ours, theirs = GroupNorm(2, 4), torch.nn.GroupNorm(2, 4)
    x = torch.randn(2, 4, 6, 9)
    assert torch.equal(ours(x), theirs(x))
