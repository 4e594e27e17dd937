"""How the micrograph is displayed: filters that never touch the data."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

from napari_hydrapicker.gui.sections.section import Section
from napari_hydrapicker.gui.widgets.parts import WrappedLabel, enable, length, show_value
from napari_hydrapicker.imaging.display import DisplayFilter

_NO_PIXEL_SIZE = "Low-pass and high-pass need the pixel size: enter it in the table (Å/px)"


class ViewSection(Section):
    """Low-pass, high-pass and denoising for the eye; one box turns all off.

    Signals
    -------
    filter_changed (DisplayFilter)
        The filter to show micrographs through.
    """

    filter_changed = Signal(object)

    def __init__(self, low_pass_angstrom: float = 0.0) -> None:
        super().__init__("View", open=False)
        form = self.form()
        self.low_pass = length(0, 500, 5, 0, "Remove detail finer than this", unset="off")
        self.high_pass = length(0, 5000, 100, 0, "Remove gradients coarser than this", unset="off")
        form.addRow("Low-pass", self.low_pass)
        form.addRow("High-pass", self.high_pass)
        self.denoise = QCheckBox("Denoise")
        self.denoise.setToolTip("Smooth the noise but keep the edges of particles; for display only")
        self.add(self.denoise)
        self.original = QCheckBox("Show the original (key H)")
        self.add(self.original)
        self.add(WrappedLabel("For display only: pickers always use the original data"))
        self.unknown = WrappedLabel(_NO_PIXEL_SIZE)
        self.unknown.setVisible(False)
        self.add(self.unknown)
        for field in (self.low_pass, self.high_pass):
            field.valueChanged.connect(self._emit)
        show_value(self.low_pass, low_pass_angstrom)
        for box in (self.denoise, self.original):
            box.toggled.connect(self._emit)
        self._show_title()

    @property
    def filter(self) -> DisplayFilter:
        """The filter that is set."""
        if self.original.isChecked():
            return DisplayFilter()
        return DisplayFilter(
            low_pass_angstrom=self.low_pass.value() or None,
            high_pass_angstrom=self.high_pass.value() or None,
            denoise=self.denoise.isChecked(),
        )

    def show_pixel_size(self, angstrom: float | None) -> None:
        """Say that the filters have no effect where a micrograph's pixel size is unknown."""
        for field in (self.low_pass, self.high_pass):
            enable(field, _NO_PIXEL_SIZE if angstrom is None else None)
        self.unknown.setVisible(angstrom is None)

    def toggle_original(self) -> None:
        """Switch between the filtered and the original micrograph."""
        self.original.toggle()

    def _show_title(self) -> None:
        """Say what is on, folded too: what is seen is not what the pickers see."""
        shown = self.filter
        parts = [
            f"low-pass {shown.low_pass_angstrom:g} Å" if shown.low_pass_angstrom else "",
            f"high-pass {shown.high_pass_angstrom:g} Å" if shown.high_pass_angstrom else "",
            "denoised" if shown.denoise else "",
        ]
        text = ", ".join(part for part in parts if part) or "original"
        self.set_title(f"View: {text} (key H)")

    def _emit(self) -> None:
        self._show_title()
        self.filter_changed.emit(self.filter)
