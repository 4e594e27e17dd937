"""Display filters as they are set."""

from collections.abc import Iterator

import pytest

from napari_hydrapicker.gui.sections.view import ViewSection
from napari_hydrapicker.imaging.display import DisplayFilter


@pytest.fixture
def section(qapp_exists: None) -> Iterator[ViewSection]:
    """The section."""
    made = ViewSection()
    yield made
    made.deleteLater()


def test_fields_make_a_filter(section: ViewSection) -> None:
    heard: list[DisplayFilter] = []
    section.filter_changed.connect(heard.append)
    section.low_pass.setValue(20)
    section.high_pass.setValue(800)
    section.denoise.setChecked(True)
    assert heard[-1] == DisplayFilter(20, 800, True)
    section.low_pass.setValue(0)
    assert heard[-1] == DisplayFilter(None, 800, True)


def test_the_original_is_one_key_away(section: ViewSection) -> None:
    section.denoise.setChecked(True)
    section.toggle_original()
    assert section.filter == DisplayFilter()
    section.toggle_original()
    assert section.filter == DisplayFilter(denoise=True)


def test_filters_of_a_length_need_a_pixel_size(section: ViewSection) -> None:
    section.show_pixel_size(None)
    assert not section.unknown.isHidden()
    assert (section.low_pass.isEnabled(), section.high_pass.isEnabled()) == (False, False)
    assert section.denoise.isEnabled()
    section.show_pixel_size(1.5)
    assert section.unknown.isHidden()
    assert (section.low_pass.isEnabled(), section.high_pass.isEnabled()) == (True, True)
