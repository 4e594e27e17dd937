"""Errors of the worker process in words."""

from __future__ import annotations

import pytest

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.worker.errors import in_words, reports_no_memory


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
        (OSError(12, "Cannot allocate memory"), "memory ran out: close other programs"),
        (ImportError("/lib/_a.so: failed to map segment from shared object"), "memory ran out: close other"),
        (ImportError("/lib/_a.so: undefined symbol: b"), "ImportError: /lib/_a.so: undefined symbol: b"),
        (
            ImportError("/lib/_a.so: failed to map segment from shared object: Operation not permitted"),
            "ImportError: /lib/_a.so: failed to map",
        ),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ZeroDivisionError("deep inside"), "ZeroDivisionError: deep inside"),
    ],
)
def test_each_kind_of_error_is_told_in_its_own_way(error: Exception, words: str) -> None:
    assert in_words(error).startswith(words)


@pytest.mark.parametrize(
    ("last_words", "memory"),
    [
        ("OpenBLAS error: Memory allocation still failed after 10 retries, giving up.", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("MemoryError", True),
        ("cannot allocate memory for thread-local data: ABORT", True),
        ("ValueError: no picks in memory.star", False),
        ("", False),
    ],
)
def test_last_words_of_libraries_tell_of_memory(last_words: str, memory: bool) -> None:
    assert reports_no_memory(last_words) == memory
