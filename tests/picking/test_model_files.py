"""Files of models in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.picking.library import (
    HOME_VARIABLE,
    GeneratorLibrary,
    HeadLibrary,
    ModelLibrary,
    user_folder,
)


@pytest.mark.parametrize("kind", [HeadLibrary, GeneratorLibrary])
def test_only_the_files_of_models_are_listed(kind: type[ModelLibrary], tmp_path: Path) -> None:
    for name in ("b.safetensors", "a.safetensors", ".c.safetensors", "d.txt", "e.safetensors.part"):
        (tmp_path / name).write_text("")
    assert kind(tmp_path).names() == ["a", "b"]
    assert kind(tmp_path / "none").names() == []
    with pytest.raises(WeightsError, match=r"d\.txt: cannot be read"):
        kind(tmp_path / "d.txt").names()


@pytest.mark.parametrize(("kind", "taken"), [(HeadLibrary, "generic"), (GeneratorLibrary, "bundled")])
def test_a_models_file_is_called_after_it(kind: type[ModelLibrary], taken: str, tmp_path: Path) -> None:
    assert kind(tmp_path).place("mine-1") == tmp_path / "mine-1.safetensors"
    for name in (taken, "../mine", "a b", ""):
        with pytest.raises(ParameterError, match="name"):
            kind(tmp_path).place(name)


@pytest.mark.parametrize("kind", [HeadLibrary, GeneratorLibrary])
def test_what_is_missed_is_named_with_what_there_is(kind: type[ModelLibrary], tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_text("")
    assert kind(tmp_path).path("a") == tmp_path / "a.safetensors"
    with pytest.raises(ParameterError, match=f"no {kind.noun} called 'b'; there are: a"):
        kind(tmp_path).path("b")


def test_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert user_folder() == tmp_path / "heads"
    monkeypatch.setenv(HOME_VARIABLE, "")
    assert "napari-hydrapicker" in user_folder().parts


def test_what_the_system_keeps_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("")
    HeadLibrary(tmp_path).delete("a")
    assert not path.exists()
    with pytest.raises(ParameterError, match="no head called 'a'"):
        HeadLibrary(tmp_path).delete("a")
    path.mkdir()
    with pytest.raises(WeightsError, match=r"a\.safetensors: cannot be deleted"):
        HeadLibrary(tmp_path).delete("a")
