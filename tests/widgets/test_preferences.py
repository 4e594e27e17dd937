"""Preferences as settings."""

from types import SimpleNamespace

import pytest

from napari_hydrapicker.settings import PickSettings
from napari_hydrapicker.widgets import preferences
from napari_hydrapicker.widgets.preferences import from_preferences, preferred_settings


def _stored(**changes: object) -> SimpleNamespace:
    return SimpleNamespace(**({"diameter_angstrom": 180, "threshold": 0, "device": "auto"} | changes))


def test_a_threshold_of_0_leaves_the_choice_to_the_network() -> None:
    assert from_preferences(_stored()) == PickSettings()
    chosen = from_preferences(_stored(threshold=0.3, diameter_angstrom=95, device="cpu"))
    assert (chosen.threshold, chosen.threshold_chosen) == (0.3, True)
    assert (chosen.diameter_angstrom, chosen.device) == (95, "cpu")


def test_impossible_preferences_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(preferences, "warn", told.append)
    assert from_preferences(_stored(diameter_angstrom=-3)) == PickSettings()
    assert "diameter_angstrom" in told[0]


def test_there_are_always_settings() -> None:
    assert isinstance(preferred_settings(), PickSettings)
