"""Which devices this computer may have, without the second that loading torch takes."""

from __future__ import annotations

import platform
import sys
from ctypes.util import find_library
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_NVIDIA = "nvcuda" if sys.platform == "win32" else "cuda"  # the driver's library


@cache
def devices() -> tuple[str, ...]:
    """Return the names that `choose_device` can be expected to take here, "auto" first.

    A driver that is installed and does not work is found out when the network is loaded.
    """
    found = ["auto", "cpu"]
    if find_library(_NVIDIA) is not None and not _is_torch_for_cpu():
        found.append("cuda")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        found.append("mps")
    return tuple(found)


def _is_torch_for_cpu() -> bool:
    """Whether the torch that is installed was built without CUDA."""
    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
