"""What is chosen to pick with, and what it leaves to be chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog

from napari_hydrapicker.gui.widgets.picker_choices import PickerChoices
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.settings import PickSettings


@pytest.fixture
def choices(qapp_exists: None) -> PickerChoices:
    return PickerChoices(Recent())


@pytest.fixture
def changes(choices: PickerChoices) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    choices.changed.connect(heard.append)
    return heard


def entries(box: QComboBox) -> list[str]:
    return [box.itemText(i) for i in range(box.count())]


def activate(box: QComboBox, text: str) -> None:
    """Choose an entry as a click does."""
    box.setCurrentIndex(entries(box).index(text))
    box.activated.emit(box.currentIndex())


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"picker": "hydra"}, {"head"}),
        ({"picker": "cgan"}, {"generator"}),
        ({"picker": "consensus"}, {"head", "generator", "imported", "votes", "_members"}),
        ({"picker": "consensus", "joined": ("cgan",)}, {"generator", "imported", "votes", "_members"}),
    ],
)
def test_each_picker_has_its_rows(choices: PickerChoices, settings: dict[str, Any], rows: set[str]) -> None:
    choices.show_settings(PickSettings(**settings))
    all_rows = ("head", "generator", "imported", "votes", "_members")
    assert {name for name in all_rows if not getattr(choices, name).isHidden()} == rows
    labels = {name for name in all_rows if not choices.form.labelForField(getattr(choices, name)).isHidden()}
    assert labels == rows


def test_what_the_user_chooses_is_told_and_what_is_shown_is_not(
    choices: PickerChoices, changes: list[dict[str, Any]]
) -> None:
    choices.show_settings(
        PickSettings(picker="consensus", joined=("hydra",), votes=2, generator="mine", imported="/a/b.star")
    )
    assert changes == []
    assert entries(choices.imported) == ["none", "b.star", "choose a file…", "choose a folder…"]
    assert (choices.imported.currentText(), choices.generator.currentText()) == ("b.star", "mine")
    choices.votes.setValue(3)
    choices.joined["cgan"].click()
    choices.picker.setCurrentText("cGAN")
    activate(choices.imported, "none")
    activate(choices.generator, "bundled")
    assert changes == [
        {"votes": 3}, {"joined": ("hydra", "cgan")}, {"picker": "cgan"}, {"imported": None},
        {"generator": None},
    ]  # fmt: skip


def test_generators_are_listed_with_the_chosen_one_even_if_it_is_gone(choices: PickerChoices) -> None:
    choices.show_generators(["one", "two"])
    assert entries(choices.generator) == ["bundled", "one", "two", "choose a file…"]
    choices.show_settings(PickSettings(generator="gone"))
    assert entries(choices.generator) == ["bundled", "one", "two", "gone", "choose a file…"]
    assert choices.generator.currentText() == "gone"
    choices.show_settings(PickSettings(generator="/x/y.safetensors"))
    assert choices.generator.currentText() == "y.safetensors"
    assert choices.generator.currentData(Qt.ItemDataRole.ToolTipRole) == "/x/y.safetensors"
    choices.show_settings(PickSettings(generator="two"))
    assert entries(choices.generator) == ["bundled", "one", "two", "choose a file…"]


@pytest.mark.parametrize("answer", ["/x/own.safetensors", ""])
def test_a_generators_file_is_asked_for(
    choices: PickerChoices, changes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (answer, ""))
    files: list[str] = []
    choices.generator_file_chosen.connect(files.append)
    activate(choices.generator, "choose a file…")
    assert files == [answer] * bool(answer)
    assert changes == []
    assert choices.generator.currentText() == "bundled", "until the file is known to be a generator"


@pytest.mark.parametrize(
    ("entry", "method", "answer"),
    [
        ("choose a file…", "getOpenFileName", ("/x/p.star", "")),
        ("choose a folder…", "getExistingDirectory", "/x/p.star"),
    ],
)
def test_picks_of_another_program_are_asked_for(
    choices: PickerChoices, changes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    entry: str, method: str, answer: Any,
) -> None:  # fmt: skip
    monkeypatch.setattr(QFileDialog, method, lambda *_: answer)
    activate(choices.imported, entry)
    assert changes == [{"imported": "/x/p.star"}]
    monkeypatch.setattr(QFileDialog, method, lambda *_: ("", "") if method == "getOpenFileName" else "")
    activate(choices.imported, entry)
    assert len(changes) == 1
    assert choices.imported.currentText() == "none"


def test_a_generator_that_is_called_like_an_action_is_none(choices: PickerChoices, tmp_path: Path) -> None:
    path = str(tmp_path / "choose a file…")
    choices.show_settings(PickSettings(generator=path))
    assert choices.generator.currentData() == path
