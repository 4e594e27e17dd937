"""Where and how precisely networks compute."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from napari_hydrapicker.errors import ParameterError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`, ``cuda:1`` say; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    ParameterError
        If the name is unknown or this machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    kind, colon, number = name.partition(":")  # cuda:1 is the second of several GPUs
    several = kind == "cuda" and there["cuda"] and number.isdecimal()
    if not there.get(kind, False) or (colon and not (several and int(number) < torch.cuda.device_count())):
        usable = ", ".join(kind for kind, available in there.items() if available)
        raise ParameterError(f"`device` {name}: not on this machine; choose auto or one of {usable}")
    return torch.device(name)


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where the device computes in it, float32 elsewhere: for picking and training alike."""
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=half)
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def cpu_has_bfloat16() -> bool:
    """Whether convolutions on this CPU are faster in bfloat16: where it multiplies whole tiles of it (AMX).

    Elsewhere they take 1.7 times as long as in float32, though oneDNN supports them, even where there are
    instructions for it (AVX-512 BF16). A private function is asked, which not every build of torch has.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return has_tiles is not None and bool(has_tiles())
