"""What the user has set in napari's preferences: where a new project begins."""

from __future__ import annotations

from typing import Any

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.gui.widgets.parts import warn
from napari_hydrapicker.project.settings import PickSettings

_PLUGIN = "napari-hydrapicker"
LOW_PASS_ANGSTROM = 30.0  # where there are no preferences


def preferred_settings() -> PickSettings:
    """Return the settings that a new project begins with."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9 has no preferences for plugins
        return PickSettings()
    try:
        return from_preferences(get_plugin_settings(_PLUGIN).picking)
    except (KeyError, AttributeError):  # not installed as a plugin, e.g. run from its sources
        return PickSettings()


def preferred_low_pass() -> float:
    """Return the low-pass that micrographs are first shown through, Angstrom; 0 for none."""
    try:
        from napari.settings import get_plugin_settings

        return float(get_plugin_settings(_PLUGIN).picking.low_pass_angstrom)
    except (ImportError, KeyError, AttributeError):  # as above
        return LOW_PASS_ANGSTROM


def from_preferences(stored: Any) -> PickSettings:
    """Return settings made from the preferences' group "picking"; a threshold of 0 is the network's own."""
    values = {"diameter_angstrom": stored.diameter_angstrom, "device": stored.device}
    if stored.threshold > 0:
        values |= {"threshold": stored.threshold, "threshold_chosen": True}
    try:
        return PickSettings(**values)
    except ParameterError as error:
        warn(f"Preferences of HydraPicker, {error}; the defaults are used")
        return PickSettings()
