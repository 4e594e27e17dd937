"""Convolutions four rows at a time, against torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from napari_hydrapicker.hydra import rows
from napari_hydrapicker.hydra.row_filtering import RowFilter, of_filter, of_rows
from napari_hydrapicker.hydra.rows import Rows


def as_padded(image: Tensor) -> Rows:
    """Rows of an image (H, W, C)."""
    zeros = torch.full_like(image[:1], torch.nan)  # overwritten
    return Rows(torch.cat((zeros, image, zeros)))


@pytest.mark.parametrize("strip_bytes", [1, 600, 10**9])
@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("before", [None, lambda rows: (rows + 1).relu()], ids=["as it is", "of something"])
def test_is_the_convolution(
    strip_bytes: int,
    width: int,
    in_place: bool,
    before: Callable[[Tensor], Tensor] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "_HALF", torch.float32)  # nothing hides behind the rounding
    monkeypatch.setattr(rows, "_STRIP_BYTES", strip_bytes)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(20, 9, 4, generator=generator)
    weight = torch.randn(4, 4, 3, width, generator=generator)
    seen = image if before is None else before(image)
    expected = functional.conv2d(seen.permute(2, 0, 1)[None], weight, padding=(1, width // 2))
    source = as_padded(image)
    target = source if in_place else as_padded(torch.full_like(image, torch.nan))
    with torch.inference_mode():
        RowFilter(weight)(source, target, before)
    torch.testing.assert_close(target.rows, expected[0].permute(1, 2, 0), rtol=0, atol=1e-4)
    assert not target.padded[[0, -1]].any()
    assert in_place or torch.equal(source.rows, image)


def test_six_products_make_four_rows() -> None:
    """By hand, one pixel wide: rows 0 to 3 of rows -1 to 4 with the filter (2, 3, 5)."""
    rows = torch.tensor([1.0, 7, -2, 4, 3, 6]).view(6, 1, 1)
    weights = of_filter(torch.tensor([2.0, 3, 5]).view(1, 1, 3, 1))
    m = [float(row * weight) for row, weight in zip(of_rows(rows), weights, strict=True)]
    assert m[0] == pytest.approx((4 * 1 - 5 * -2 + 3) * 2 / 4)
    found = [
        m[0] + m[1] + m[2] + m[3] + m[4],
        m[1] - m[2] + 2 * (m[3] - m[4]),
        m[1] + m[2] + 4 * (m[3] + m[4]),
        m[1] - m[2] + 8 * (m[3] - m[4]) + m[5],
    ]
    expected = [2 * 1 + 3 * 7 + 5 * -2, 2 * 7 + 3 * -2 + 5 * 4, 2 * -2 + 3 * 4 + 5 * 3, 2 * 4 + 3 * 3 + 5 * 6]
    assert found == pytest.approx(expected, abs=1e-4)


def test_half_precision_keeps_the_features() -> None:
    """Rounding in between costs little beside that of the features themselves."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(64, 48, 32, generator=generator).relu().bfloat16()
    weight = torch.randn(32, 32, 3, 3, generator=generator) / 17
    expected = functional.conv2d(image.float().permute(2, 0, 1)[None], weight, padding=1)[0].permute(1, 2, 0)
    target = as_padded(torch.zeros_like(image))
    with torch.inference_mode():
        RowFilter(weight)(as_padded(image), target)
    rounding = (expected.bfloat16().float() - expected).square().mean().sqrt()
    assert (target.rows.float() - expected).square().mean().sqrt() < 8 * rounding
