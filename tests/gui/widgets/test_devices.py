"""Devices that are offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from napari_hydrapicker.gui.widgets import picker_choices as module

Here = Callable[..., tuple[str, ...]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Return the devices of a computer of some kind."""

    def offered(
        system: str = "linux", machine: str = "x86_64", driver: str | None = None, torch: str = "2.4"
    ) -> tuple[str, ...]:
        monkeypatch.setattr(module.sys, "platform", system)
        monkeypatch.setattr(module.platform, "machine", lambda: machine)
        monkeypatch.setattr(module, "find_library", lambda name: driver)
        monkeypatch.setattr(module, "version", lambda name: torch)
        module.devices.cache_clear()
        return module.devices()

    yield offered
    module.devices.cache_clear()


def test_only_what_there_may_be_is_offered(here: Here) -> None:
    assert here() == ("auto", "cpu")
    assert here(driver="libcuda.so.1", torch="2.4+cu121") == ("auto", "cpu", "cuda")
    assert here(driver="libcuda.so.1", torch="2.4+cpu") == ("auto", "cpu")
    assert here(system="darwin", machine="arm64") == ("auto", "cpu", "mps")
    assert here(system="darwin", machine="x86_64") == ("auto", "cpu")
