"""A folder of heads: nothing is lost, replaced or shown that should not be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.head_record import HeadRecord, read_record
from napari_hydrapicker.hydra.layers import Head
from napari_hydrapicker.picking.library import HeadLibrary, find, user_library

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
    assert read_record(library.path("yours")).name == "yours"  # so that a copy of the file tells it
    expected = head.state_dict()
    assert all(torch.equal(t, expected[key]) for key, t in library.load("yours")[0].state_dict().items())
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
    assert library.export("mine", tmp_path / "v1.2").name == "v1.2.safetensors"
    with pytest.raises(WeightsError, match="cannot be written"):
        library.export("mine", tmp_path / "none" / "a")
    elsewhere = HeadLibrary(tmp_path / "elsewhere")
    assert elsewhere.import_file(copy).name == "mine"
    assert library.path("mine").read_bytes() == copy.read_bytes() == elsewhere.path("mine").read_bytes()
    assert elsewhere.import_file(copy, "again").name == "again"
    with pytest.raises(ParameterError, match="already"):
        elsewhere.import_file(copy)
    expected = head.state_dict()
    assert all(torch.equal(t, expected[key]) for key, t in elsewhere.load("again")[0].state_dict().items())
    assert read_record(elsewhere.path("again")).name == "again"
    assert sorted(path.name for path in elsewhere.folder.iterdir() if path.name[0] != ".") == [
        "again.safetensors", "mine.safetensors",
    ]  # fmt: skip


def test_damaged_files_are_told_of_and_hide_no_other(
    library: HeadLibrary, head: Head, record_of: Make, tmp_path: Path
) -> None:
    path = library.add(head, record_of("mine"))
    (library.folder / "bad.safetensors").write_bytes(path.read_bytes()[:5000])
    (library.folder / "my head.safetensors").write_bytes(path.read_bytes())
    (library.folder / "generic.safetensors").write_bytes(path.read_bytes())
    (library.folder / "notes.txt").write_text("mine")
    assert [one.name for one in library.records()] == ["mine"]
    problems = library.read()[1]
    assert len(problems) == 3
    for name, problem in zip(("bad", "generic", "my head"), problems, strict=True):
        assert str(library.folder / f"{name}.safetensors") in problem
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        library.rename("bad", "good")
    assert "good" not in library.names()
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 255
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(damaged)
    with pytest.raises(WeightsError, match="checksum"):
        library.import_file(broken)
    assert "broken" not in library.names()


def test_a_folder_that_cannot_be_made(tmp_path: Path, head: Head, record_of: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match=r"cannot be written .*HYDRAPICKER_HOME"):
        HeadLibrary(tmp_path / "file" / "heads").add(head, record_of("mine"))


def test_the_first_library_that_has_a_head_counts(tmp_path: Path, head: Head, record_of: Make) -> None:
    first, second = HeadLibrary(tmp_path / "1"), HeadLibrary(tmp_path / "2")
    second.add(head, record_of("mine"))
    assert find("mine", [first, second]) == second
    first.add(head, record_of("mine"))
    assert find("mine", [first, second]) == first
    assert find("other", [first, second]) is None
    first.path("mine").rename(first.folder / "generic.safetensors")
    assert find("generic", [first]) is None  # it is the network's own, whatever lies there


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be read"):
        HeadLibrary(tmp_path / "file").names()


@pytest.fixture
def read_only(library: HeadLibrary, head: Head, record_of: Make) -> Iterator[HeadLibrary]:
    """A library of one that may not be changed."""
    library.add(head, record_of("mine"))
    (library.folder / ".lock").unlink(missing_ok=True)
    library.folder.chmod(0o555)
    if os.access(library.folder, os.W_OK):
        library.folder.chmod(0o755)
        pytest.skip("this user may write anywhere")
    yield library
    library.folder.chmod(0o755)


def test_a_read_only_library_can_be_used_but_not_changed(
    read_only: HeadLibrary, head: Head, record_of: Make, tmp_path: Path
) -> None:
    assert [one.name for one in read_only.records()] == ["mine"]
    assert read_only.load("mine")[1] == record_of("mine")
    copy = read_only.export("mine", tmp_path)
    for change in (
        lambda: read_only.add(head, record_of("other")),
        lambda: read_only.rename("mine", "other"),
        lambda: read_only.delete("mine"),
        lambda: read_only.import_file(copy, "other"),
    ):
        with pytest.raises(WeightsError, match="cannot be written"):
            change()
    assert read_only.names() == ["mine"]


_ADD = """
import sys
from pathlib import Path
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.library import HeadLibrary
library = HeadLibrary(Path(sys.argv[1]))
sys.stdin.readline()  # both start at a time
for number in range(20):
    try:
        library.import_file(Path(sys.argv[2]), f"head-{number}")
        print(number)
    except ParameterError as error:
        assert "already" in str(error)
"""


def test_of_two_programs_one_gets_a_name(
    library: HeadLibrary, head: Head, record_of: Make, tmp_path: Path
) -> None:
    library.add(head, record_of("mine"))
    file = library.export("mine", tmp_path)
    shared = HeadLibrary(tmp_path / "shared")
    command = [sys.executable, "-c", _ADD, str(shared.folder), str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    programs = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    won = [program.communicate(timeout=60)[0].split() for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    assert sorted(int(number) for numbers in won for number in numbers) == list(range(20))
    assert len(shared.records()) == 20
    assert shared.read()[1] == []
