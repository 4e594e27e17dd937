"""What to pick with: the picker, and what each of them leaves to be chosen."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QFormLayout, QSpinBox, QWidget

from napari_hydrapicker.gui.widgets.parts import choice, row
from napari_hydrapicker.hydra.head_record import GENERIC
from napari_hydrapicker.picking.library import BUNDLED, SUFFIX
from napari_hydrapicker.picking.parameters import SPECS
from napari_hydrapicker.project.recent import Recent
from napari_hydrapicker.project.settings import IMPORTED, PickSettings

_PICKERS = {str(spec.label): kind for kind, spec in SPECS.items()}  # as the settings know them
_GENERATORS, _PICKS = "generators", "import"  # what dialogs are for
_FILE, _FOLDER, _NONE = "choose a file…", "choose a folder…", "none"

_NVIDIA = "nvcuda" if sys.platform == "win32" else "cuda"  # the driver's library


def picker_name(key: str) -> str:
    """Return the name of the picker of a key (`PickSettings.picker_key`), with its head if it has one."""
    kind, _, part = key.partition("/")
    if kind == IMPORTED:
        return part
    name = {value: label for label, value in _PICKERS.items()}.get(kind, kind)
    part = Path(part.partition("/")[0]).name
    return name if part in ("", GENERIC) else f"{name}, {part}"


class PickerChoices(QWidget):
    """A form whose rows are those of the picker that is chosen; `form` takes more of them.

    Signals
    -------
    changed (dict)
        Settings as the user has changed them, by name.
    generator_file_chosen (str)
        A file that the user takes for a generator; it is yet to be looked into.
    """

    changed = Signal(dict)
    generator_file_chosen = Signal(str)

    def __init__(self, recent: Recent) -> None:
        super().__init__()
        self._recent = recent
        self._settings = PickSettings()
        self._names: list[str] = []
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(4)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.picker = choice("HydraPicker; cGAN, trained without real particles; or a consensus of both")
        for label, name in _PICKERS.items():
            self.picker.addItem(label, name)
        self.form.addRow("Picker", self.picker)
        self.joined = {name: QCheckBox(label) for label, name in list(_PICKERS.items())[:2]}
        self._members = row(list(self.joined.values()))
        self.form.addRow("Combine", self._members)
        self.imported = choice(
            "Picks from another program, a file or folder in any format, counted as one more picker"
        )
        self.form.addRow("Imported picks", self.imported)
        self.votes = QSpinBox()
        self.votes.setRange(1, 3)
        self.votes.setPrefix("found by ")
        self.votes.setSuffix(" or more")
        self.votes.setToolTip("How many of these pickers must have found a pick")
        self.form.addRow("Agreement", self.votes)
        self.head = choice(
            "The head of HydraPicker's network: generic for any protein, or one that you trained"
        )
        self.head.addItem(GENERIC)
        self.form.addRow("Head", self.head)
        self.generator = choice("The cGAN's network: the bundled one, one from “Make a picker”, or a file")
        self.form.addRow("Generator", self.generator)
        self._connect()
        self.show_settings(self._settings)

    def show_settings(self, settings: PickSettings) -> None:
        """Show what is set, and the rows that it leaves to be chosen."""
        self._settings = settings
        for widget in (
            self.picker,
            self.imported,
            self.votes,
            self.head,
            self.generator,
            *self.joined.values(),
        ):
            widget.blockSignals(True)
        self.picker.setCurrentIndex(self.picker.findData(settings.picker))
        for name, box in self.joined.items():
            box.setChecked(name in settings.joined)
        self.votes.setValue(settings.votes)
        self.head.setCurrentText(settings.head)
        self._fill_imported()
        self._fill_generators()
        for widget in (
            self.picker,
            self.imported,
            self.votes,
            self.head,
            self.generator,
            *self.joined.values(),
        ):
            widget.blockSignals(False)
        self._show_rows()

    def show_heads(self, names: Sequence[str], chosen: str) -> None:
        """Offer these heads; one that is chosen and gone is listed, so that it is seen to be missed."""
        listed = list(dict.fromkeys([GENERIC, *names, chosen]))
        blocked = self.head.blockSignals(True)
        self.head.clear()
        self.head.addItems(listed)
        self.head.setCurrentText(chosen)
        self.head.blockSignals(blocked)

    def show_generators(self, names: Sequence[str]) -> None:
        """Offer these generators beside the bundled one, that which is chosen, and files."""
        self._names = list(names)
        blocked = self.generator.blockSignals(True)
        self._fill_generators()
        self.generator.blockSignals(blocked)

    def _fill_generators(self) -> None:
        chosen = self._settings.generator
        values = dict.fromkeys([None, *self._names, *([chosen] if chosen else [])])
        _fill(self.generator, [(_shown(one), one) for one in values], chosen, [_FILE])

    def _fill_imported(self) -> None:
        chosen = self._settings.imported
        entries = [(_NONE, None), *([(Path(chosen).name, chosen)] if chosen else [])]
        _fill(self.imported, entries, chosen, [_FILE, _FOLDER])

    def _show_rows(self) -> None:
        picker = self._settings.picker
        joint = picker == "consensus"
        used = {
            self.head: "hydra" in (self._settings.joined if joint else [picker]),
            self.generator: "cgan" in (self._settings.joined if joint else [picker]),
            self._members: joint, self.imported: joint, self.votes: joint,
        }  # fmt: skip
        for field, is_used in used.items():
            field.setVisible(is_used)
            self.form.labelForField(field).setVisible(is_used)

    def _connect(self) -> None:
        self.picker.currentIndexChanged.connect(lambda _: self._change(picker=self.picker.currentData()))
        self.head.currentTextChanged.connect(lambda name: self._change(head=name) if name else None)
        self.votes.valueChanged.connect(lambda value: self._change(votes=value))
        for box in self.joined.values():
            box.toggled.connect(lambda _: self._change(joined=self._ticked()))
        self.generator.activated.connect(lambda _: self._on_generator())
        self.imported.activated.connect(lambda _: self._on_imported())

    def _ticked(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.joined.items() if box.isChecked())

    def _on_generator(self) -> None:
        if self.generator.currentIndex() < self.generator.count() - 1:
            self._change(generator=self.generator.currentData())
            return
        title = "A cGAN picker's generator"
        start = str(self._recent.folder(_GENERATORS))
        file, _ = QFileDialog.getOpenFileName(self, title, start, f"Generators (*{SUFFIX})")
        self.show_settings(self._settings)  # the one so far, until the file is known to be one
        if file:
            self._recent.add_folder(_GENERATORS, Path(file).parent)
            self.generator_file_chosen.emit(file)

    def _on_imported(self) -> None:
        text, title = self.imported.currentText(), "Picks from another program"
        start = str(self._recent.folder(_PICKS))
        if self.imported.currentIndex() < self.imported.count() - 2:
            self._change(imported=self.imported.currentData())
            return
        if text == _FILE:
            path, _ = QFileDialog.getOpenFileName(self, title, start)
        else:
            path = QFileDialog.getExistingDirectory(self, title, start)
        self.show_settings(self._settings)
        if path:
            self._recent.add_folder(_PICKS, Path(path).parent)
            self._change(imported=path)

    def _change(self, **changes: object) -> None:
        self.changed.emit(changes)


def _shown(generator: str | None) -> str:
    if generator is None:
        return BUNDLED
    return Path(generator).name  # of a file; a name is its own


def _fill(
    box: QComboBox, entries: Sequence[tuple[str, str | None]], chosen: str | None, actions: Sequence[str]
) -> None:
    """List values, of which one is chosen, and below them what opens a dialog."""
    box.clear()
    for label, value in entries:
        box.addItem(label, value)
        box.setItemData(box.count() - 1, value or label, Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex([value for _, value in entries].index(chosen))
    box.addItems(list(actions))


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
