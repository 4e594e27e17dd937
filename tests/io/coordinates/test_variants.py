"""Coordinate files as other programs really write them: read where they are clear, refused by name where "
"not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.errors import CoordinateFileError, NotCoordinatesError
from napari_hydrapicker.io import coordinates as formats

Save = Callable[[str, str | bytes], Path]
Expected = dict[str, list[tuple[float, float, float]]]

NO = math.nan
XY = "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n"
CBOX = "data_cryolo\n\nloop_\n_CoordinateX #1\n_CoordinateY #2\n_Width #3\n_Height #4\n"


def cs_file(*paths: bytes, scores: bool = True, score: float = 0.5) -> bytes:
    """One particle at (row 20, column 10) of 100 x 200 on each of the micrographs."""
    columns = [
        ("uid", "<u8"),
        ("location/micrograph_path", "S90"),
        ("location/micrograph_shape", "<u4", (2,)),
        ("location/center_x_frac", "<f4"),
        ("location/center_y_frac", "<f4"),
        *([("pick_stats/ncc_score", "<f4")] if scores else []),
    ]
    row = (1, b"", (100, 200), 0.05, 0.2, *((score,) if scores else ()))
    records = np.array([row] * len(paths), columns)
    records["location/micrograph_path"] = paths
    buffer = io.BytesIO()
    np.save(buffer, records)
    return buffer.getvalue()


def exposures() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([(1, b"a.mrc")], [("uid", "<u8"), ("micrograph_blob/path", "S9")]))
    return buffer.getvalue()


# File, content, and (row, column, score) of each micrograph.
READ: list[tuple[str, str | bytes, Expected]] = [
    # EMAN and its relatives.
    ("a.box", "100\t200\t128\t128\t-3\n1\t2\t128\t128\t-3\n", {"a": [(264, 164, NO), (66, 65, NO)]}),
    ("a.box", "# by hand\n100 200 128 128\n\n", {"a": [(264, 164, NO)]}),
    ("a.box", "100 200 128 128 0.25\r\n", {"a": [(264, 164, 0.25)]}),
    ("a.box", "100 200 128 128 -1.5\n1 2 128 128 -3\n", {"a": [(264, 164, -1.5), (66, 65, -3)]}),
    ("a_automatch.box", "-10.5 20 30 30 0.4\n", {"a": [(35, 4.5, 0.4)]}),
    ("info/a_info.json", '{"boxes": [[100, 200, "manual"]]}', {"a": [(200, 100, NO)]}),
    (
        "a_info.json",
        '{"ctf": [1], "boxes": [[1.5, 2.5, "auto_local", 0.75], [3, 4, "manual", 0]]}',
        {"a": [(2.5, 1.5, 0.75), (4, 3, NO)]},
    ),
    ("a_info.json", '{"boxes": []}', {"a": []}),
    # Plain lists of centres.
    ("a.coord", "100 200\n300 400\n", {"a": [(200, 100, NO), (400, 300, NO)]}),
    ("a.txt", "100.5,200.25\n", {"a": [(200.25, 100.5, NO)]}),
    ("a.coords", "         x         y      density\n 100 200 300\n", {"a": [(200, 100, NO)]}),
    ("a.txt", "X\tY\tscore\n100\t200\t0.5\n", {"a": [(200, 100, 0.5)]}),
    (
        "a.pos",
        (
            "# XMIPP_STAR_1 *\ndata_header\n_pickingMicrographState Manual\ndata_particles\nloop_\n"
            "_enabled\n_xcoor\n_ycoor\n_cost\n1 100 200 0\n-1 1 1 0\n1 300 400 0.5\n"
        ),
        {"a": [(200, 100, NO), (400, 300, 0.5)]},
    ),
    # Topaz and tables.
    ("t.csv", "image_name,x_coord,y_coord,score\na,10,20,0.5\n", {"a": [(20, 10, 0.5)]}),
    (
        "t.txt",
        "image_name\tx_coord\ty_coord\tscore\tprotein\na\t10\t20\t-1\tx\n",
        {"a": [(20, 10, -1)]},
    ),
    ("t.csv", "score, image_name, x_coord, y_coord\n0.5, g1/a.mrc, 1, 2\n", {"a": [(2, 1, 0.5)]}),
    ("a.csv", "index,axis-0,axis-1\n0.0,200.5,100.5\n", {"a": [(200.5, 100.5, NO)]}),
    ("a.csv", "axis-0,axis-1\n7,9\n", {"a": [(7, 9, NO)]}),
    (
        "particles_selected.csv",
        (
            "Particles Filename,Micrographs Filename,X-Coordinate,Y-Coordinate,Angle-Psi,Class Number\n"
            "p1.mrc,a.mrc,10,20,0,1\np2.mrc,b.mrc,30,40,0,1\n"
        ),
        {"a": [(80, 10, NO)], "b": [(60, 30, NO)]},
    ),
    ("t.csv", "Micrograph,X-Coordinate,Y-Coordinate\ng1/a.mrc,10,20\n", {"a": [(80, 10, NO)]}),
    # STAR.
    ("a_automatch.star", XY + "10 20\n", {"a": [(20, 10, NO)]}),
    ("a.star", XY + "_rlnAutopickFigureOfMerit #3\n10 20 -999\n", {"a": [(20, 10, NO)]}),
    ("a.star", "\ufeff" + XY + "10\t20  # good\r\n", {"a": [(20, 10, NO)]}),
    ("a.star", "data_\n_rlnCoordinateX 10\n_rlnCoordinateY 20\n", {"a": [(20, 10, NO)]}),
    ("p.star", XY + "_rlnMicrographName\n10 20 'my a.mrc'\n", {"my a": [(20, 10, NO)]}),
    ("p.star", XY + "_rlnMicrographName\n10 20 C:\\data\\a.mrc\n", {"a": [(20, 10, NO)]}),
    ("p.star", XY + "_rlnMicrographName\n10 20 000007@s/a.mrcs\n", {"a": [(20, 10, NO)]}),
    (
        "p.star",
        XY + "_rlnMicrographName\n10 20 g1/a.mrc\n1 2 g2/a.mrc\n",
        {"g1/a": [(20, 10, NO)], "g2/a": [(2, 1, NO)]},
    ),
    (
        "warp.star",
        (
            "data_\nloop_\n_rlnMagnification\n_rlnDetectorPixelSize\n_rlnCoordinateX\n_rlnCoordinateY\n"
            "_rlnMicrographName\n_rlnAutopickFigureOfMerit\n10000 1.5 10 20 a.tif 0.5\n"
        ),
        {"a": [(20, 10, 0.5)]},
    ),
    # crYOLO.
    ("a.cbox", CBOX + "100 200 128 128\n", {"a": [(264, 164, NO)]}),
    ("a.cbox", CBOX + "_filamentid #5\n100 200 128 128 <NA>\n", {"a": [(264, 164, NO)]}),
    # cryoSPARC.
    ("p.cs", cs_file(b"J2/m/a.mrc", b">J2/m/a.mrc"), {"a": [(20, 10, 0.5)] * 2}),
    ("p.cs", cs_file(b"J2/m/004512345678901234567_a.mrc", scores=False), {"a": [(20, 10, NO)]}),
    ("p.cs", cs_file(b"J2/m/a.mrc", score=0.0), {"a": [(20, 10, NO)]}),
    (
        "p.cs",
        cs_file(b"J2/m/004512345678901234567_a.mrc", b"J2/m/005512345678901234567_a.mrc"),
        {"004512345678901234567_a": [(20, 10, 0.5)], "005512345678901234567_a": [(20, 10, 0.5)]},
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "expected"), READ, ids=[f"{i}-{one[0]}" for i, one in enumerate(READ)]
)
def test_what_is_clear_is_read(name: str, content: str | bytes, expected: Expected, save: Save) -> None:
    path = save(name, content)
    assert formats.may_hold_coordinates(path)
    picks = formats.read(path, shape_of=lambda _: (100, 200))
    assert list(picks) == list(expected)
    for micrograph, rows in expected.items():
        found = np.column_stack([picks[micrograph].yx, picks[micrograph].score])
        np.testing.assert_allclose(found, np.array(rows).reshape(-1, 3), atol=1e-5)


# File, content, and what the refusal says.
REFUSED: list[tuple[str, str | bytes, str]] = [
    ("a.box", "100\t200\t128\t128\t-1\n400\t500\t128\t128\t-2\n", "ends of helices.*EMAN and RELION"),
    ("a.box", "100 200 128 128 -1\n", "ends of helices"),
    ("a.box", "#micrograph: a.mrc\n#helix: (10,20),(30,40)\n100 200 128 128\n", "EMAN2's e2helixboxer"),
    ("a.box", "100 200 128\n", "three numbers a line"),
    ("a.box", "100 200\n300 400\n", "two numbers a line"),
    ("a.box", "x y w h\n100 200 128 128\n", "corner"),
    ("a.txt", "x\ty\twidth\theight\n100\t200\t128\t128\n", "'width', x and y may be a corner"),
    (
        "a.csv",
        "micrograph,y_px,x_px,score,source\na,1,2,0.5,boxnet\n",
        "'boxnet' is no source.*newer version",
    ),
    ("a_info.json", '{"boxes_3d": [[1, 2, 3, "tomo", 0.5, 0]]}', "no boxes on a micrograph"),
    ("a_info.json", '{"boxes": [[1, 2, 3, "tomo", 0.5]]}', "box 1: three coordinates.* tomogram"),
    ("a_info.json", '{"boxes": [[1, 2', "not JSON, or damaged"),
    ("a_info.json", '{"boxes": [[1, null, "manual"]]}', "'null' is no usable coordinate"),
    ("a_info.json", '{"boxes": [7]}', "box 1: not x, y and a kind"),
    (
        "a.star",
        (
            "data_\nloop_\n_cisTEMOriginalImageFilename\n_cisTEMOriginalXPosition\n_cisTEMOriginalYPosition\n"
            "'a.mrc' 100.5 200.5\n"
        ),
        "cisTEM, whose positions are in Angstrom",
    ),
    ("a.star", XY + "1 2\n3\n4 5\n", "line 7: 1 value in a table of 2 columns"),
    ("a.star", "data_\nloop_\n_wrpCoordinateX1\n_wrpCoordinateY1\n1 2\n", "Warp or RELION in a tomogram"),
    ("a.star", XY + "_rlnTomoName\n1 2 TS_01\n", "positions in a tomogram"),
    ("a.cbox", CBOX + "10.5 20.5 <NA> <NA>\n", "line 8: crYOLO gives no width to this box"),
    ("a.cbox", CBOX + "_filamentid\n1 2 30 30 5\n", "line 9: a filament of crYOLO"),
    ("a.csv", "index,axis-0,axis-1,axis-2\n0,1,2,3\n", "napari points with three axes"),
    (
        "a.csv",
        "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes\n",
        "VGG Image Annotator",
    ),
    ("a.coord", "1 2\n3\n", "line 2: 1 value where x and y are expected"),
    ("a.coord", "1 2\n3 four\n", "line 2: 'four' is no usable coordinate"),
    ("a.txt", " ;spi/dat   Generated by SPIDER\n 1 2 10 20\n", "document file of SPIDER"),
    ("a.txt", b"IMODV1.2" + bytes(300), "model of IMOD"),
    ("a.box", b"\x89HDF\r\n\x1a\n" + bytes(300), "HDF5 file"),
    ("a.star", b"SQLite format 3\0" + bytes(300), "a database"),
    ("a.txt", "<?xml version='1.0'?>\n<Particles/>\n", "an XML file"),
    ("a.txt", "AdocVersion = 2.00\n", "navigator file of SerialEM"),
    ("a.txt", " ".join(map(str, range(36))) + "\n", "a table of Dynamo"),
    ("a.pos", "data_particles\nloop_\n_itemId\n_xcoor\n1 2\n", "no table with xcoor and ycoor"),
]


@pytest.mark.parametrize(
    ("name", "content", "reason"), REFUSED, ids=[f"{i}-{one[0]}" for i, one in enumerate(REFUSED)]
)
def test_what_is_not_clear_is_refused_by_name(
    name: str, content: str | bytes, reason: str, save: Save
) -> None:
    path = save(name, content)
    with pytest.raises(CoordinateFileError, match=reason) as caught:
        formats.read(path)
    assert path.name in str(caught.value)
    assert not isinstance(caught.value, NotCoordinatesError), "a folder with it is not wholly read"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("exposures.cs", exposures()),
        ("job.star", "data_job\n_rlnJobTypeLabel relion.autopick.log\n"),
        ("settings_info.json", '{"threshold": 0.5}'),
        ("notes.txt", "words\n"),
        ("empty.star", ""),
    ],
)
def test_what_holds_no_positions_is_told_apart(name: str, content: str | bytes, save: Save) -> None:
    with pytest.raises(NotCoordinatesError):
        formats.read(save(name, content))
