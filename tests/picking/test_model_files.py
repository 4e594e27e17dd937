"""Files of heads in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.picking.model_files import (
    HOME_VARIABLE,
    file_of,
    names_in,
    remove,
    user_folder,
    with_suffix,
)


def test_only_the_files_of_heads_are_listed(tmp_path: Path) -> None:
    for name in ("b.safetensors", "a.safetensors", ".c.safetensors", "d.txt", "e.safetensors.part"):
        (tmp_path / name).write_text("")
    assert names_in(tmp_path) == ["a", "b"]
    assert names_in(tmp_path / "none") == []
    with pytest.raises(WeightsError, match=r"d\.txt: cannot be read"):
        names_in(tmp_path / "d.txt")


def test_a_heads_file_is_called_after_it(tmp_path: Path) -> None:
    assert file_of(tmp_path, "mine-1") == tmp_path / "mine-1.safetensors"
    for name in ("generic", "../mine", "a b", ""):
        with pytest.raises(ParameterError, match="name"):
            file_of(tmp_path, name)


@pytest.mark.parametrize(
    ("given", "made"), [("x", "x"), ("x.safetensors", "x"), ("x.1", "x.1"), ("x.txt", "x.txt")]
)
def test_a_suffix_is_added_where_there_is_none(given: str, made: str) -> None:
    assert with_suffix(Path("folder") / given) == Path("folder") / f"{made}.safetensors"


def test_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert user_folder() == tmp_path / "heads"
    monkeypatch.setenv(HOME_VARIABLE, "")
    assert "napari-hydrapicker" in user_folder().parts


def test_what_is_not_there_cannot_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("")
    remove(path)
    assert not path.exists()
    with pytest.raises(WeightsError, match=r"a\.safetensors: cannot be deleted"):
        remove(path)
