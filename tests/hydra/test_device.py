"""Choosing a device."""

from __future__ import annotations

import pytest
import torch

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.device import choose_device, cpu_has_bfloat16, precision


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest(cuda: bool, mps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device().type == chosen
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cpu:0", "abacus", ""])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="cpu"):
        choose_device(name)


def test_one_of_several_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    for name in ("cuda:2", "cuda:", "cuda:-1", "cpu:1"):
        with pytest.raises(ParameterError, match=f"`device` {name}: not on this machine"):
            choose_device(name)


def test_the_cpu_picks_on_a_build_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not cpu_has_bfloat16()
    with precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("tiles", [True, False])
def test_the_cpu_computes_in_bfloat16_where_it_has_tiles_of_it(
    tiles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    with precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == (torch.bfloat16 if tiles else torch.float32)


def test_torch_still_says_whether_bfloat16_is_fast() -> None:
    """It is asked through a private function; where that goes away, picking becomes slower unnoticed."""
    assert isinstance(torch.cpu._is_amx_tile_supported(), bool)


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_precision_of_devices_without_autocast_is_single(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_hydrapicker.hydra.device.cpu_has_bfloat16", lambda: False)
    with precision(torch.device(device)):
        assert not torch.is_autocast_enabled("cpu")
