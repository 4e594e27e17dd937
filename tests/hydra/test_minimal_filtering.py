"""Convolutions of planes with fewer multiplications, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from napari_hydrapicker.hydra import planes
from napari_hydrapicker.hydra.minimal_filtering import MinimalFilter, along_rows, of_rows, split
from napari_hydrapicker.hydra.planes import Planes


@pytest.fixture(autouse=True)
def _in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hides behind the rounding."""
    monkeypatch.setattr(planes, "_HALF", torch.float32)


def as_planes(image: torch.Tensor) -> Planes:
    """Planes of an image (H, W, C)."""
    zeros = torch.zeros_like(image[:1])
    even, odd = (torch.cat((zeros, image[i::2], zeros)) for i in (0, 1))
    return Planes(even, odd)


def as_image(both: Planes) -> torch.Tensor:
    return torch.stack((both.even[1:-1], both.odd[1:-1]), dim=1).flatten(0, 1)


@pytest.mark.parametrize("strip_bytes", [1, 400, 10**9])
@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("in_place", [False, True])
def test_is_the_convolution(
    strip_bytes: int, width: int, in_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planes, "_STRIP_BYTES", strip_bytes)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(14, 9, 4, generator=generator)
    weight = torch.randn(4, 4, 3, width, generator=generator)
    expected = functional.conv2d(image.permute(2, 0, 1)[None], weight, padding=(1, width // 2))
    source = as_planes(image)
    target = source if in_place else as_planes(torch.zeros_like(image))
    MinimalFilter(weight)(source, target)
    torch.testing.assert_close(as_image(target), expected[0].permute(1, 2, 0), rtol=0, atol=1e-4)
    assert not target.even[[0, -1]].any()


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
