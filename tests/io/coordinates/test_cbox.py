"""crYOLO's .cbox files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import starfile
from scipy.spatial import cKDTree

from napari_hydrapicker.errors import CoordinateFileError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks

Save = Callable[[str, str | bytes], Path]

NAME = "TcdA1-0018_frames_sum"


@pytest.fixture
def cryolo_file(shared_data: Path) -> Path:
    return shared_data / "formats" / "cryolo_cbox" / f"{NAME}.cbox"


def test_the_real_file_is_read(cryolo_file: Path) -> None:
    picks = formats.read(cryolo_file)[NAME]
    assert len(picks) == 120
    assert picks.score.min() == pytest.approx(0.12, abs=0.01)
    assert picks.score.max() == pytest.approx(0.95, abs=0.01)
    assert picks.diameter_px == 220
    np.testing.assert_allclose(picks.yx[0], [3874.455551147461 + 110, 3700.3671875 + 110])


def test_another_picker_agrees(cryolo_file: Path, shared_data: Path) -> None:
    cryolo = formats.read(cryolo_file)[NAME]
    casspers = shared_data / "formats" / "cassper_star" / "TcdA1-0018_frames.star"
    tree = cKDTree(formats.read(casspers)["TcdA1-0018_frames"].yx)
    assert (tree.query(cryolo.yx)[0] < 60).mean() == pytest.approx(0.75, abs=0.02)


def test_rewritten_it_is_laid_out_as_cryolo_does(cryolo_file: Path, tmp_path: Path) -> None:
    (path,) = formats.write(formats.read(cryolo_file), tmp_path, "cbox")
    ours, theirs = path.read_text().splitlines(), cryolo_file.read_text().splitlines()
    first = theirs.index("_Angle #11") + 1
    assert ours[:first] == theirs[:first]
    for mine, yours in zip(ours[first : first + 120], theirs[first : first + 120], strict=True):
        a, b = mine.split(), yours.split()
        missing = [i for i, value in enumerate(a) if value == "<NA>"]
        assert missing == [i for i, value in enumerate(b) if value == "<NA>"] == [2, 5, 9, 10]
        np.testing.assert_allclose([float(a[i]) for i in (0, 1, 3, 4)], [float(b[i]) for i in (0, 1, 3, 4)])
        assert float(a[8]) == pytest.approx(float(b[8]), rel=1e-7)
    rest = [line for line in ours[first + 120 :] if line]
    assert rest == [line for line in theirs[first + 120 :] if line]


def test_starfile_reads_lower_corners(tmp_path: Path, three_picks: Picks) -> None:
    (path,) = formats.write({"a": three_picks}, tmp_path, "cbox", box_px=100)
    blocks = starfile.read(path, always_dict=True)
    assert list(blocks) == ["global", "cryolo", "cryolo_include"]
    table = blocks["cryolo"]
    np.testing.assert_allclose(table["CoordinateX"] + 50, three_picks.x)
    np.testing.assert_allclose(table["CoordinateY"] + 50, three_picks.y)
    np.testing.assert_allclose(table["Confidence"], [0.875, np.nan, 1e-7])
    assert (table["Width"] == 100).all()
    assert (table["EstWidth"] == 56.4).all()


TABLE = "data_cryolo\nloop_\n_CoordinateX\n_CoordinateY\n_CoordinateZ\n_Width\n_Height\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TABLE + "1 2 0 9 9\n1 2 1 9 9\n", "line 9: boxes in several slices"),
        (TABLE + "1 2 <NA> <NA> 9\n", "line 8: crYOLO gives no width"),
        ("data_cryolo\nloop_\n_CoordinateX\n1\n", "line 2: the table has no column _CoordinateY"),
        ("data_global\n_cbox_format_version 1.0\n", "no data_cryolo table"),
    ],
)
def test_damage_is_named(text: str, problem: str, save: Save) -> None:
    with pytest.raises(CoordinateFileError, match=problem):
        formats.read(save("a.cbox", text))
