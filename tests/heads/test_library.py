"""A folder of heads: nothing is lost, replaced or shown that should not be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.heads.library import HeadLibrary, find, user_library
from napari_hydrapicker.heads.record import HeadRecord
from napari_hydrapicker.hydra.head import Head

Make = Callable[..., HeadRecord]


def test_the_users_library_can_be_moved(library: HeadLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_library() == library
    monkeypatch.delenv("HYDRAPICKER_HOME")
    assert user_library().folder.name == "heads"
    assert user_library() != library


def test_an_empty_library_makes_no_folder(library: HeadLibrary) -> None:
    assert library.names() == []
    assert library.read() == ([], [])
    assert not library.folder.exists()


def test_a_head_is_kept(library: HeadLibrary, head: Head, record_of: Make) -> None:
    path = library.add(head, record_of("mine"))
    assert path == library.path("mine")
    loaded, record = library.load("mine")
    assert record == record_of("mine")
    assert not loaded.training
    expected = head.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())


def test_a_head_is_not_replaced_silently(library: HeadLibrary, head: Head, record_of: Make) -> None:
    library.add(head, record_of("mine"))
    with pytest.raises(ParameterError, match="already"):
        library.add(head, record_of("mine", threshold=0.9))
    assert library.record("mine").threshold == 0.4
    library.add(head, record_of("mine", threshold=0.9), overwrite=True)
    assert library.record("mine").threshold == 0.9


def test_heads_are_renamed_and_deleted(library: HeadLibrary, head: Head, record_of: Make) -> None:
    library.add(head, record_of("mine"))
    library.add(head, record_of("other"))
    with pytest.raises(ParameterError, match="already"):
        library.rename("mine", "other")
    with pytest.raises(ParameterError, match="own head"):
        library.rename("mine", "generic")
    library.rename("mine", "yours")
    assert library.names() == ["other", "yours"]
    assert library.record("yours").name == library.load("yours")[1].name == "yours"
    library.delete("yours")
    assert [one.name for one in library.records()] == ["other"]
    with pytest.raises(ParameterError, match="there are: other"):
        library.delete("yours")


def test_a_head_travels(library: HeadLibrary, head: Head, record_of: Make, tmp_path: Path) -> None:
    library.add(head, record_of("mine"))
    copy = library.export("mine", tmp_path)
    assert copy == tmp_path / "mine.safetensors"
    with pytest.raises(ParameterError, match="exists"):
        library.export("mine", tmp_path)
    assert library.export("mine", tmp_path / "named").name == "named.safetensors"
    elsewhere = HeadLibrary(tmp_path / "elsewhere")
    assert elsewhere.import_file(copy).name == "mine"
    assert elsewhere.import_file(copy, "again").name == "again"
    with pytest.raises(ParameterError, match="already"):
        elsewhere.import_file(copy)
    assert copy.read_bytes() == elsewhere.path("again").read_bytes()
    assert sorted(path.name for path in elsewhere.folder.iterdir() if path.name[0] != ".") == [
        "again.safetensors", "mine.safetensors",
    ]  # fmt: skip


def test_damaged_files_are_told_of_and_hide_no_other(
    library: HeadLibrary, head: Head, record_of: Make, tmp_path: Path
) -> None:
    path = library.add(head, record_of("mine"))
    (library.folder / "bad.safetensors").write_bytes(path.read_bytes()[:5000])
    (library.folder / "notes.txt").write_text("mine")
    records, problems = library.read()
    assert [one.name for one in records] == ["mine"]
    assert len(problems) == 1
    assert "bad.safetensors" in problems[0]
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 255
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(damaged)
    with pytest.raises(WeightsError, match="checksum"):
        library.import_file(broken)
    assert "broken" not in library.names()


def test_a_folder_that_cannot_be_made(tmp_path: Path, head: Head, record_of: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be made"):
        HeadLibrary(tmp_path / "file" / "heads").add(head, record_of("mine"))


def test_the_first_library_that_has_a_head_counts(tmp_path: Path, head: Head, record_of: Make) -> None:
    first, second = HeadLibrary(tmp_path / "1"), HeadLibrary(tmp_path / "2")
    second.add(head, record_of("mine"))
    assert find("mine", [first, second]) == second
    first.add(head, record_of("mine"))
    assert find("mine", [first, second]) == first
    assert find("other", [first, second]) is None
