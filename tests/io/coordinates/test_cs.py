"""cryoSPARC's .cs files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import recfunctions

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Save = Callable[[str, str | bytes], Path]

FIELDS = [
    ("uid", "<u8"),
    ("location/micrograph_path", "|S80"),
    ("location/micrograph_shape", "<u4", (2,)),
    ("location/center_x_frac", "<f4"),
    ("location/center_y_frac", "<f4"),
    ("alignments2D/shift", "<f4", (2,)),
    ("pick_stats/ncc_score", "<f4"),
]
UID = "012345678901234567890"


def particles(n: int = 3) -> np.ndarray:
    """Make records as an import and a picking job leave them: 400 rows, 800 columns."""
    records = np.zeros(n, FIELDS)
    records["location/micrograph_path"] = [
        f"J1/imported/{UID}_{'ba'[i % 2]}_1.mrc".encode() for i in range(n)
    ]
    records["location/micrograph_shape"] = (400, 800)
    records["location/center_x_frac"] = 0.75
    records["location/center_y_frac"] = np.arange(n) / 8
    records["pick_stats/ncc_score"] = np.arange(n) / 4
    return records


def saved(records: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, records, version=version)
    return buffer.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_fractions_of_columns_and_rows(version: tuple[int, int], save: Save) -> None:
    path = save("a.cs", saved(particles(), version))
    assert formats.detect(path) == "cs"
    picks = formats.read(path)
    assert list(picks) == ["b_1", "a_1"]
    np.testing.assert_array_equal(picks["b_1"].yx, [[0, 600], [100, 600]])
    np.testing.assert_array_equal(picks["a_1"].yx, [[50, 600]])
    np.testing.assert_array_equal(picks["b_1"].score, [0, 0.5])


def test_a_short_number_is_part_of_the_name(save: Save) -> None:
    records = particles(1)
    records["location/micrograph_path"] = b"J1/20240131_a.mrc"
    assert list(formats.read(save("a.cs", saved(records)))) == ["20240131_a"]


def test_one_name_imported_twice_is_two_micrographs(save: Save) -> None:
    other = f"J1/imported/{UID[::-1]}_b_1.mrc".encode()
    path = save("a.cs", changed("location/micrograph_path", other))
    assert {name: len(one) for name, one in formats.read(path).items()} == {
        f"{UID}_b_1": 2,
        f"{UID[::-1]}_b_1": 1,
    }
    path = save("b.cs", changed("location/micrograph_path", f"J2/imported/{UID}_b_1.mrc".encode()))
    assert list(formats.read(path)) == ["J1/imported/b_1", "J2/imported/b_1"]


def test_marks_before_exported_paths_make_no_other_micrograph(save: Save) -> None:
    path = save("a.cs", changed("location/micrograph_path", f">J1/imported/{UID}_b_1.mrc".encode()))
    assert {name: len(one) for name, one in formats.read(path).items()} == {"b_1": 3}


def test_scores_may_be_missing(save: Save) -> None:
    records = particles()[[field[0] for field in FIELDS[:-1]]]
    packed = recfunctions.repack_fields(records)
    assert np.isnan(formats.read(save("a.cs", saved(packed)))["a_1"].score).all()


def test_numpy_reads_what_we_write(tmp_path: Path, three_picks: Picks) -> None:
    two = {"a": three_picks, "longer": three_picks.select([0])}
    shapes = {"a": (400, 700), "longer": (500, 1000)}
    (path,) = formats.write(
        two, tmp_path / "p.cs", "cs", shapes=shapes, micrograph_names={"a": "J1/mic/a.mrc"}
    )
    table = np.load(path, allow_pickle=False)
    assert table["location/micrograph_path"].tolist() == [b"J1/mic/a.mrc"] * 3 + [b"longer.mrc"]
    assert table["location/micrograph_shape"].tolist() == [[400, 700]] * 3 + [[500, 1000]]
    np.testing.assert_allclose(table["location/center_x_frac"][:3] * 700, three_picks.x, atol=1e-4)
    np.testing.assert_allclose(table["location/center_y_frac"][:3] * 400, three_picks.y, atol=1e-4)
    np.testing.assert_array_equal(table["pick_stats/ncc_score"][:3], three_picks.score)
    assert len(set(table["uid"].tolist())) == 4
    assert len(set(table["location/micrograph_uid"].tolist())) == 2
    formats.write(two, tmp_path / "q.cs", "cs", shapes=shapes, micrograph_names={"a": "J1/mic/a.mrc"})
    assert (tmp_path / "q.cs").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("shapes", [{}, {"a": (0, 7)}])
def test_the_micrographs_sizes_are_needed(
    shapes: dict[str, tuple[int, int]], tmp_path: Path, three_picks: Picks
) -> None:
    with pytest.raises(ParameterError, match="size in pixels, and that of a is not known"):
        formats.write({"a": three_picks}, tmp_path, "cs", shapes=shapes)


def test_objects_are_never_unpickled(save: Save) -> None:
    records = np.zeros(1, [("uid", "<u8"), ("location/micrograph_path", "O")])
    with pytest.raises(CoordinateFileError, match="Python objects"):
        formats.read(save("a.cs", saved(records)))


def test_a_lie_about_the_size_costs_no_memory(save: Save) -> None:
    content = saved(particles())
    assert b"(3,), }" in content
    for number in (b"19999999", b"99999999999"):
        lie = content.replace(b"(3,), }" + b" " * (len(number) - 1), b"(" + number + b",), }")
        assert len(lie) == len(content)
        with pytest.raises(CoordinateFileError, match=r"declares 19,999,999 records|are more than"):
            formats.read(save("a.cs", lie))


def changed(field: str, value: object) -> bytes:
    records = particles()
    records[field][1] = value
    return saved(records)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (saved(particles())[:-1], "has not that size"),
        (saved(particles()) + b"\0", "has not that size"),
        (saved(particles())[:100], "cut short"),
        (saved(np.zeros(3)), "not a table of records"),
        (saved(np.zeros((2, 2), FIELDS)), "not a table of records"),
        (saved(np.zeros(3, FIELDS[:3])), "no column location/center_x_frac"),
        (saved(np.zeros(3, [*FIELDS[:2], ("location/micrograph_shape", "<u4"), *FIELDS[3:]])), "wrong type"),
        (saved(np.zeros(0, [])), "has not that size"),
        (b"\x94CSDAT" + bytes(100), "compressed"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "version 9"),
        (changed("location/center_x_frac", np.nan), "record 2: position"),
        (changed("location/center_y_frac", 1e30), "record 2: position"),
        (changed("location/micrograph_shape", 0), "record 2: position"),
        (changed("pick_stats/ncc_score", np.inf), "record 2: the score"),
        (changed("location/micrograph_path", b"\xff.mrc"), "not UTF-8"),
        (changed("location/micrograph_path", b"x\0y"), "record 2: .* is not a micrograph"),
        (changed("location/micrograph_path", f"J1/imported/{UID}_b_1.tif".encode()), "two micrographs"),
    ],
)
def test_damage_is_named(content: bytes, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("a.cs", content))
