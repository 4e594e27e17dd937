"""Folders of generators, and what is no generator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.io.safetensors import GENERATOR, read_header
from napari_hydrapicker.picking.library import (
    GeneratorLibrary,
    bundled_generator,
    bundled_path,
    check_name,
    project_generators,
    user_generators,
)
from napari_hydrapicker.picking.model_files import find_generator


@pytest.fixture
def generator() -> Path:
    path = bundled_generator()
    assert path is not None
    return path


def test_what_is_added_is_listed_and_found(tmp_path: Path, generator: Path) -> None:
    first, second = GeneratorLibrary(tmp_path / "a"), GeneratorLibrary(tmp_path / "b")
    assert first.names() == []
    second.add(generator, "mine")
    assert find_generator("mine", [first, second]) == tmp_path / "b" / "mine.safetensors"
    first.add(generator, "mine")
    assert find_generator("mine", [first, second]) == tmp_path / "a" / "mine.safetensors"
    assert first.names() == ["mine"]
    assert first.path("mine").read_bytes() == generator.read_bytes()
    assert find_generator(str(generator), [first]) == generator


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path, generator: Path) -> None:
    first, second = GeneratorLibrary(tmp_path / "a"), GeneratorLibrary(tmp_path / "b")
    assert GeneratorLibrary.free_name("mine", [first, second]) == "mine"
    first.add(generator, "mine")
    second.add(generator, "mine-2")
    assert GeneratorLibrary.free_name("mine", [first, second]) == "mine-3"


def test_what_is_gone_is_missed_by_name(tmp_path: Path, generator: Path) -> None:
    library = GeneratorLibrary(tmp_path)
    library.add(generator, "other")
    with pytest.raises(ParameterError, match=r"called 'mine'.*there are: other"):
        find_generator("mine", [library])
    gone = tmp_path / "gone.safetensors"
    with pytest.raises(ParameterError, match=r"gone\.safetensors: there is no such file"):
        find_generator(str(gone), [library])


def test_the_two_libraries_lie_beside_the_heads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path))
    assert user_generators().folder == tmp_path / "generators"
    project = tmp_path / "p.hydrapicker"
    assert project_generators(project).folder == tmp_path / "p.hydrapicker-generators"


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "é", "x" * 65, "con", "bundled"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="picker"):
        check_name(name)


def test_a_header_tells_a_generator_from_other_files(tmp_path: Path, generator: Path) -> None:
    assert read_header(generator, GENERATOR)
    with pytest.raises(WeightsError, match="a network of HydraPicker, not a generator"):
        read_header(bundled_path(), GENERATOR)
    text = tmp_path / "t.safetensors"
    text.write_text("hello, this is no such file")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        read_header(text, GENERATOR)
    with pytest.raises(WeightsError, match="gone"):
        read_header(tmp_path / "gone.safetensors", GENERATOR)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, generator: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WeightsError, match="cannot be written"):
        GeneratorLibrary(tmp_path / "in").add(generator, "mine")


def test_a_source_that_is_gone_leaves_the_old_file(tmp_path: Path, generator: Path) -> None:
    library = GeneratorLibrary(tmp_path / "a")
    library.add(generator, "mine")
    copy = tmp_path / "copy"
    shutil.copy(generator, copy)
    copy.unlink()
    with pytest.raises(WeightsError, match="cannot be written"):
        library.add(copy, "mine")
    assert library.path("mine").read_bytes() == generator.read_bytes()
    assert library.names() == ["mine"]
