"""Choosing the device to compute on."""

from __future__ import annotations

import torch

from napari_hydrapicker.errors import ParameterError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    ParameterError
        If the name is unknown or this machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    if not there.get(name, False):
        usable = ", ".join(kind for kind, available in there.items() if available)
        raise ParameterError(f"--device {name}: not on this machine; choose auto or one of {usable}")
    return torch.device(name)
