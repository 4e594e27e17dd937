"""Convolutions with fewer multiplications, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from napari_hydrapicker.hydra import rows
from napari_hydrapicker.hydra.minimal_filtering import MinimalFilter, along_rows, of_rows, split


@pytest.fixture(autouse=True)
def _in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hides behind the rounding."""
    monkeypatch.setattr(rows, "_HALF", torch.float32)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_is_the_convolution(width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(14, 9, 4, generator=generator)
    weight = torch.randn(6, 4, 3, width, generator=generator)
    expected = functional.conv2d(image.permute(2, 0, 1)[None], weight, padding=(1, width // 2))
    with torch.inference_mode():
        even, odd = MinimalFilter(weight)(*split(image))
    rows = torch.stack((even, odd), dim=1).flatten(0, 1)
    torch.testing.assert_close(rows, expected[0].permute(1, 2, 0), rtol=0, atol=1e-4)


def test_four_products_make_two_rows() -> None:
    """By hand, one pixel wide: outputs 0 and 1 of rows 1..4 with the filter (2, 3, 5)."""
    above, even, odd = torch.tensor([[[1.0]]]), torch.tensor([[[2.0]], [[4.0]]]), torch.tensor([[[3.0]]])
    weights = [float(w) for w in along_rows(torch.tensor([2.0, 3, 5]).view(1, 1, 3, 1))]
    products = [w * float(rows) for w, rows in zip(weights, of_rows(above, even, odd), strict=True)]
    assert products[0] + products[1] + products[2] == 1 * 2 + 2 * 3 + 3 * 5
    assert products[1] - products[2] + products[3] == 2 * 2 + 3 * 3 + 4 * 5


def test_an_image_is_split_into_even_and_odd_rows() -> None:
    rows = torch.arange(1.0, 7).view(6, 1, 1)
    above, even, odd = split(rows)
    assert above.flatten().tolist() == [0]
    assert even.flatten().tolist() == [1, 3, 5, 0]
    assert odd.flatten().tolist() == [2, 4, 6]
