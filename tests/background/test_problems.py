"""Errors of the worker process in words."""

from __future__ import annotations

import pytest

from napari_hydrapicker.background.problems import in_words
from napari_hydrapicker.errors import WeightsError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WeightsError("net: damaged"), "net: damaged"),
        (MemoryError(), "memory ran out: close other programs, then try again (no memory left)"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"
            ),
            "memory ran out: close other programs, then try again (DefaultCPUAllocator: can't allocate",
        ),
        (RuntimeError("can't start new thread"), "memory ran out"),
        (RuntimeError("CUDA out of memory. Tried"), "memory ran out: close other programs"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ZeroDivisionError("deep inside"), "ZeroDivisionError: deep inside"),
    ],
)
def test_each_kind_of_error_is_told_in_its_own_way(error: Exception, words: str) -> None:
    assert in_words(error).startswith(words)
