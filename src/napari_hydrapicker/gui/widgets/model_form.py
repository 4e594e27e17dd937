"""Rows of a form, made by magicgui from the fields of a pydantic model: one more field is one more row.

A field's title is its label, its description the tool tip, its bounds the range; one without a title is not
shown. A number that may be None has a lowest value that reads "automatic". Words to choose from come from a
`Literal`; what they are called, and the unit of a number, is in `json_schema_extra` (``labels``, ``unit``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QFormLayout

_UNSET = "automatic"


class ModelForm:
    """The rows of some fields of a model, below those that a form has already.

    Parameters
    ----------
    form
        Gets the rows.
    models
        Their fields are shown, but those in `without`.
    changed
        Called with the name and the value of a field that the user has changed.

    Attributes
    ----------
    widgets : dict of str to magicgui widget
        By field.
    """

    def __init__(
        self,
        form: QFormLayout,
        models: Sequence[type[BaseModel]],
        changed: Callable[[str, Any], object],
        without: Sequence[str] = (),
    ) -> None:
        fields = {name: field for model in models for name, field in model.model_fields.items()}
        self.widgets: dict[str, ValueWidget[Any]] = {}
        self._unset: dict[str, float] = {}  # the value that stands for None
        for name, field in fields.items():
            if field.title is None or name in without:
                continue  # what has no title is not for the window
            self.widgets[name] = widget = self._widget(name, field)
            if isinstance(widget, CheckBox):
                form.addRow(widget.native)  # its text is all
            else:
                form.addRow(field.title, widget.native)
            widget.changed.connect(lambda value, name=name: changed(name, self._value(name, value)))

    def field(self, name: str) -> Any:
        """Return the Qt widget of a field."""
        return self.widgets[name].native

    def show(self, values: Mapping[str, Any]) -> None:
        """Show the values of fields, by name; `changed` is not called."""
        for name in self.widgets.keys() & values.keys():
            widget, value = self.widgets[name], values[name]
            with widget.changed.blocked():
                blocked = widget.native.blockSignals(True)  # what it rounds must not become the value
                widget.value = self._unset[name] if value is None else value
                widget.native.blockSignals(blocked)

    def _value(self, name: str, value: Any) -> Any:
        return None if value == self._unset.get(name) else value

    def _widget(self, name: str, field: FieldInfo) -> ValueWidget[Any]:
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        kind, tip = field.annotation, field.description or ""
        if kind is bool:
            return CheckBox(text=tip, tooltip=tip)
        if get_origin(kind) is Literal:
            labels: Any = extra.get("labels", {})
            choices = [(str(labels.get(word, word)), word) for word in get_args(kind)]
            return ComboBox(choices=choices, tooltip=tip)
        return self._number(name, field, extra, tip)

    def _number(self, name: str, field: FieldInfo, extra: Mapping[str, Any], tip: str) -> FloatSpinBox:
        step = float(extra.get("step", 1))
        low, high = _bounds(field)
        optional = type(None) in get_args(field.annotation)
        if optional:
            self._unset[name] = low - step
        made = FloatSpinBox(min=low - step if optional else low, max=high, step=step, tooltip=tip)
        field_of_qt = made.native
        field_of_qt.setDecimals(int(extra.get("decimals", 0)))
        field_of_qt.setSuffix(f" {extra['unit']}" if "unit" in extra else "")
        field_of_qt.setKeyboardTracking(False)  # half-typed numbers are not yet meant
        if optional:
            field_of_qt.setSpecialValueText(_UNSET)
        return made


def _bounds(field: FieldInfo) -> tuple[float, float]:
    """Least and greatest value of a number, by its `ge` or `gt`, and `le`."""
    least, most = 0.0, 1e6
    for limit in field.metadata:
        for name in ("ge", "gt"):
            least = float(getattr(limit, name, least))
        most = float(getattr(limit, "le", most))
    return least, most
