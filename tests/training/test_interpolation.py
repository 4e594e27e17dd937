"""Heads between two heads."""

from __future__ import annotations

import copy

import pytest
import torch

from napari_hydrapicker.hydra.layers import Head, ThesisHead
from napari_hydrapicker.training.few_shot import interpolated


@pytest.fixture
def pair() -> tuple[Head, Head]:
    torch.manual_seed(0)
    return ThesisHead(8, 8, 0.1).eval(), ThesisHead(8, 8, 0.1).eval()


def test_the_ends_of_the_line_are_the_heads_themselves(pair: tuple[Head, Head]) -> None:
    kept = [copy.deepcopy(one.state_dict()) for one in pair]
    for share, end in ((0.0, pair[0]), (1.0, pair[1])):
        made = interpolated(*pair, share)
        assert made is not end
        assert all(torch.equal(a, b) for a, b in zip(made.parameters(), end.parameters(), strict=True))
    with torch.no_grad():
        next(made.parameters()).zero_()
    for one, before in zip(pair, kept, strict=True):
        assert all(torch.equal(tensor, before[name]) for name, tensor in one.state_dict().items())


def test_weights_are_mixed_by_the_share_of_the_second(pair: tuple[Head, Head]) -> None:
    made = interpolated(*pair, 0.25)
    for new, first, second in zip(made.parameters(), *(one.parameters() for one in pair), strict=True):
        torch.testing.assert_close(new, 0.75 * first + 0.25 * second)
