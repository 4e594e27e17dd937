"""What a folder's picks were made with, and which micrographs are done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.picking.ledger import LEDGER, Ledger, resume
from napari_hydrapicker.picking.made_with import MadeWith, NetworkFile

OPTIONS = MadeWith(
    picker="hydra", weights=NetworkFile(name="n", sha256="ab"), head=NetworkFile(name="generic"),
    diameter_angstrom=180.0, border_angstrom=None, threshold=0.3, no_mask=False, no_split=False,
    overlay=False, format=("star",),
)  # fmt: skip
LARGER = OPTIONS.model_copy(update={"diameter_angstrom": 200.0})


def written(folder: Path) -> dict[str, float]:
    return dict(json.loads((folder / LEDGER).read_text())["done"])


def test_the_file_is_there_before_the_first_result(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, OPTIONS)
    assert list(tmp_path.iterdir()) == []
    ledger.begin()
    assert written(tmp_path) == {}
    ledger.add({"a": 1.5})
    ledger.begin()
    ledger.add({"b": 2.0})
    assert written(tmp_path) == ledger.done == {"a": 1.5, "b": 2.0}
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER]


def test_a_run_goes_on(tmp_path: Path) -> None:
    Ledger(tmp_path, OPTIONS).add({"a": 1.5, "b": 2.0})
    ledger = resume(tmp_path, OPTIONS, {"b": 2.0, "c": 9.0}, tmp_path / "b.star")
    assert ledger.done == {"a": 1.5, "b": 2.0}
    ledger.begin()
    assert written(tmp_path) == {"a": 1.5, "b": 2.0}
    ledger.add({"c": 9.0})
    assert written(tmp_path) == {"a": 1.5, "b": 2.0, "c": 9.0}


def test_a_run_that_replaces_begins_anew(tmp_path: Path) -> None:
    Ledger(tmp_path, OPTIONS).add({"a": 1.5, "b": 2.0})
    replacing = Ledger(tmp_path, LARGER)
    assert written(tmp_path) == {"a": 1.5, "b": 2.0}
    replacing.begin()
    assert resume(tmp_path, LARGER, {}, None).done == {}
    with pytest.raises(ParameterError, match="--diameter was 200, is 180"):
        resume(tmp_path, OPTIONS, {}, None)


def test_runs_at_the_same_time_do_not_forget_each_others(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path, OPTIONS), Ledger(tmp_path, OPTIONS)
    one.begin()
    one.add({"a": 1.5})
    other.begin()  # it had looked before there was a file
    other.add({"b": 2.0})
    one.add({"c": 3.0})
    assert written(tmp_path) == {"a": 1.5, "b": 2.0, "c": 3.0}
    other.add({"d": 4.0})
    assert written(tmp_path) == other.done == {"a": 1.5, "b": 2.0, "c": 3.0, "d": 4.0}


def test_runs_at_the_same_time_must_have_the_same_options(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path, OPTIONS), Ledger(tmp_path, LARGER)
    one.begin()
    other.begin()
    with pytest.raises(CoordinateFileError, match=r"run .* --diameter was 200, is 180 here: give"):
        one.add({"a": 1.5})
    assert (one.done, written(tmp_path)) == ({}, {})


def test_a_file_that_was_deleted_meanwhile_is_written_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, OPTIONS)
    ledger.add({"a": 1.5})
    (tmp_path / LEDGER).unlink()
    ledger.add({"b": 2.0})
    assert written(tmp_path) == {"a": 1.5, "b": 2.0}


def test_other_options_are_refused_in_one_line(tmp_path: Path) -> None:
    Ledger(tmp_path, OPTIONS).add({"a": 1.5})
    with pytest.raises(ParameterError) as caught:
        resume(tmp_path, LARGER, {}, None)
    assert str(caught.value) == (
        f"--resume: {tmp_path} was picked with other options: --diameter was 180, is 200: repeat the first "
        "run's options, or give --overwrite to pick all anew, or another --out"
    )


def test_pixel_sizes_are_compared_of_what_is_done(tmp_path: Path) -> None:
    Ledger(tmp_path, OPTIONS).add({"a": 1.5, "b": 2.0})
    resume(tmp_path, OPTIONS, {"a": 1.50001, "c": 7.0}, None)
    with pytest.raises(ParameterError, match=r"the pixel size of b was 2 A, is 2\.5 A: repeat"):
        resume(tmp_path, OPTIONS, {"a": 1.5, "b": 2.5}, None)


def test_results_of_unknown_origin_are_refused(tmp_path: Path) -> None:
    assert resume(tmp_path, OPTIONS, {"a": 1.5}, None).done == {}
    present = tmp_path / "a_autopick.star"
    with pytest.raises(CoordinateFileError, match=r"star exists, but not .*picking\.json, .*--overwrite"):
        resume(tmp_path, OPTIONS, {"a": 1.5}, present)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"done": {}}', b"\xff\xfe", b'{"format_version": 2}'],
    ids=["empty", "cut", "list", "no options", "not text", "newer"],
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(content)
    with pytest.raises(CoordinateFileError, match=r"picking\.json: does not say what options .*--overwrite"):
        resume(tmp_path, OPTIONS, {}, None)


def test_a_file_with_more_in_it_is_not_half_understood(tmp_path: Path) -> None:
    Ledger(tmp_path, OPTIONS).begin()
    content = json.loads((tmp_path / LEDGER).read_text())
    content["options"]["new"] = 1
    (tmp_path / LEDGER).write_text(json.dumps(content))
    with pytest.raises(CoordinateFileError, match=r"options\.new"):
        resume(tmp_path, OPTIONS, {}, None)


def test_what_cannot_be_written_is_not_done(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, OPTIONS)
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(CoordinateFileError, match="cannot be written"):
        ledger.add({"a": 1.5})
    assert ledger.done == {}
    (tmp_path / LEDGER).rmdir()
    ledger.add({"a": 1.5})
    assert written(tmp_path) == {"a": 1.5}
