"""Preferences as settings."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from npe2 import PluginManifest

from napari_hydrapicker.gui import preferences
from napari_hydrapicker.gui.preferences import from_preferences, preferred_settings
from napari_hydrapicker.project.settings import PickSettings


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


def test_every_number_in_the_manifest_has_a_least_and_a_greatest_value() -> None:
    """Napari's form stops at 99.99 where the greatest is missing, and stores that."""
    from napari_hydrapicker import __file__ as package

    manifest = PluginManifest.from_file(Path(package).with_name("napari.yaml"))
    properties = manifest.contributions.configurations["picking"].properties
    numbers = {name: one for name, one in properties.items() if one.type == "number"}
    assert set(numbers) == {"diameter_angstrom", "threshold", "low_pass_angstrom"}
    for one in numbers.values():
        assert one.minimum is not None
        assert one.minimum <= one.default <= one.maximum
    assert numbers["diameter_angstrom"].maximum == 5000


def test_naparis_form_shows_them_as_they_are(qapp_exists: None) -> None:
    from napari._vendor.qt_json_builder.qt_jsonschema_form import WidgetBuilder

    from napari_hydrapicker import __file__ as package

    manifest = PluginManifest.from_file(Path(package).with_name("napari.yaml"))
    properties = manifest.contributions.configurations["picking"].properties
    names = ("diameter_angstrom", "threshold", "low_pass_angstrom")
    schema = {
        "type": "object",
        "properties": {
            name: {"type": "number", "minimum": properties[name].minimum, "maximum": properties[name].maximum}
            for name in names
        },
    }
    state = {name: properties[name].default for name in names}
    form = WidgetBuilder().create_form(schema, {}, state)
    assert form.widget.state == {"diameter_angstrom": 180, "threshold": 0, "low_pass_angstrom": 30}


def test_commands_that_napari_calls_with_arguments_are_not_run_from_its_palette() -> None:
    from napari_hydrapicker import __file__ as package

    manifest = PluginManifest.from_file(Path(package).with_name("napari.yaml"))
    run = {one.id.split(".")[1] for one in manifest.contributions.commands if one.enablement != "False"}
    assert run == {"widget", "sample_micrograph"}
