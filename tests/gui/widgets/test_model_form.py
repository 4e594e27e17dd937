"""Forms that are made from a model."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_hydrapicker.gui.widgets.model_form import ModelForm


class Parameters(BaseModel):
    """What a picker could be asked for."""

    border: float | None = Field(
        default=None, ge=0, le=500, title="Border", description="Left out at the edge",
        json_schema_extra={"unit": "Å", "step": 5},
    )  # fmt: skip
    tilt: float = Field(default=1.0, ge=0.5, le=2, title="Tilt", json_schema_extra={"decimals": 2})
    contrast: Literal["auto", "dark"] = Field(
        default="auto", title="Contrast", json_schema_extra={"labels": {"auto": "automatic"}}
    )
    masked: bool = Field(default=True, title="Mask", description="Leave out carbon")
    hidden: int = 3


@pytest.fixture
def made(qapp_exists: None) -> tuple[QWidget, ModelForm, list[tuple[str, Any]]]:
    holder, changes = QWidget(), []
    form = ModelForm(QFormLayout(holder), [Parameters], lambda name, value: changes.append((name, value)))
    return holder, form, changes


Made = tuple[QWidget, ModelForm, list[tuple[str, Any]]]


def test_a_field_is_a_row_with_its_label_tip_range_and_unit(made: Made) -> None:
    holder, form, _ = made
    assert list(form.widgets) == ["border", "tilt", "contrast", "masked"], "what has no title is not shown"
    labels = [one.text() for one in holder.findChildren(QLabel)]
    assert labels == ["Border", "Tilt", "Contrast"]
    border = form.widgets["border"].native
    assert (border.toolTip(), border.suffix(), border.maximum()) == ("Left out at the edge", " Å", 500)
    assert (form.widgets["tilt"].native.minimum(), form.widgets["tilt"].native.decimals()) == (0.5, 2)
    assert form.widgets["contrast"].native.itemText(0) == "automatic"
    assert form.widgets["masked"].native.text() == "Leave out carbon"


def test_what_the_user_changes_is_told_by_name(made: Made) -> None:
    _, form, changes = made
    form.show(Parameters().model_dump())
    assert changes == []
    form.widgets["border"].native.setValue(30)
    form.widgets["border"].native.setValue(-5)
    form.widgets["contrast"].native.setCurrentIndex(1)
    form.widgets["masked"].native.setChecked(False)
    assert changes == [("border", 30.0), ("border", None), ("contrast", "dark"), ("masked", False)]


def test_values_are_shown_without_a_word_and_none_reads_automatic(made: Made) -> None:
    _, form, changes = made
    form.show({"border": 12.4, "contrast": "dark", "masked": False, "unknown": 1})
    assert form.widgets["border"].native.text() == "12 Å"
    assert form.widgets["contrast"].value == "dark"
    assert not form.widgets["masked"].value
    form.show({"border": None})
    assert form.widgets["border"].native.text() == "automatic"
    assert changes == []
