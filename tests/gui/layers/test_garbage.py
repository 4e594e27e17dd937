"""The one collection of all garbage that is brought forward."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from napari_hydrapicker.gui.layers.canvas import collect_early


class _Knot:
    """Something that only a collection can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def not_yet_collected() -> Iterator[None]:
    """As in a process that has just started."""
    collect_early.cache_clear()
    yield
    collect_early.cache_clear()


def test_garbage_is_collected_once(not_yet_collected: None) -> None:
    gc.disable()
    try:
        first = weakref.ref(_Knot())
        collect_early()
        second = weakref.ref(_Knot())
        collect_early()
        assert (first() is None, second() is None) == (True, False)
    finally:
        gc.enable()


def test_it_is_when_the_first_micrograph_is_shown(not_yet_collected: None, dock: Any) -> None:
    assert dock.canvas.micrograph_id is not None
    assert collect_early.cache_info().currsize == 1
