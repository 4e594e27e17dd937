"""Fused convolutions, against torch's own one after the other."""

from __future__ import annotations

import torch
from torch.nn import functional

from napari_hydrapicker.hydra.fused import accumulate, add_multiple, add_scaled_and_rectify, scale_and_rectify
from napari_hydrapicker.hydra.rows import as_maps, as_rows


def test_a_convolution_is_added_in_place() -> None:
    torch.manual_seed(0)
    plane, rows = torch.randn(9, 7, 5), torch.randn(4, 7, 6)
    weight = torch.randn(5, 6, 1, 3).contiguous(memory_format=torch.channels_last)
    convolved = functional.conv2d(as_maps(rows), weight, padding=(0, 1))
    expected = plane.clone()
    expected[2:6] += as_rows(convolved)
    with torch.inference_mode():
        accumulate(plane[2:6], rows, weight, (0, 1))
    torch.testing.assert_close(plane, expected, rtol=0, atol=1e-5)


def test_scaled_shifted_and_rectified_by_channel() -> None:
    torch.manual_seed(0)
    rows, other, scale, shift = torch.randn(4, 7, 6), torch.randn(4, 7, 6), torch.randn(6), torch.randn(6)
    expected = (other * scale + shift).relu()
    with torch.inference_mode():
        torch.testing.assert_close(scale_and_rectify(other, scale, shift), expected, rtol=0, atol=1e-5)
        expected = (rows + other * scale + shift).relu()
        add_scaled_and_rectify(rows, other, scale, shift)
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-5)


def test_a_multiple_is_added_in_place() -> None:
    torch.manual_seed(0)
    plane, other = torch.randn(6, 7, 5), torch.randn(4, 7, 5)
    expected = plane.clone()
    expected[1:5] -= 3 * other
    with torch.inference_mode():
        returned = add_multiple(plane[1:5], other, -3)
    assert returned.data_ptr() == plane[1:].data_ptr()
    torch.testing.assert_close(plane, expected, rtol=0, atol=1e-5)
