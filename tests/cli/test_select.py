"""`hydrapicker select --where`: the picks of some micrographs."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.io.coordinates.folder import LeftOutWarning, read_folder

CTF = "data_m\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n_rlnCtfMaxResolution #4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Picks of three micrographs, with their summary, and a list."""
    made = tmp_path / "picks"
    made.mkdir()
    for name, n in (("a", 3), ("b", 1), ("c", 2)):
        (made / f"{name}.box").write_text("".join(f"{10 * i}\t20\t30\t30\n" for i in range(n)))
    (made / "summary.csv").write_text(
        "micrograph,picks,mean_score,doubt,pixel_size_angstrom,rows,columns,error\n"
        "a,3,0.9,0.1,1.5,300,470,\nb,1,0.4,0.6,1.5,300,470,\nc,2,0.5,0.3,1.5,300,470,\n"
    )
    (tmp_path / "ctf.star").write_text(
        CTF + "M/a.mrc 1e4 1e4 4.0\nM/b.mrc 1e4 1e4 5.0\nM/c.mrc 1e4 1e4 9.5\n"
    )
    return made


def test_micrographs_within_all_ranges_are_kept_and_lists_follow(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run(
        [
            *("select", str(folder), "--where", "doubt=:0.5", "--where", "ctf_resolution_angstrom=:6"),
            *("--list", str(tmp_path / "ctf.star"), "--out", str(tmp_path / "kept"), "--format", "star,csv"),
        ]
    )
    assert code == 0
    with pytest.warns(LeftOutWarning, match=r"ctf\.star"):
        assert {key.name: len(own) for key, own in read_folder(tmp_path / "kept").items()} == {"a": 3}
    assert (tmp_path / "kept" / "ctf.star").read_text() == CTF + "M/a.mrc 1e4 1e4 4.0\n"
    said = capsys.readouterr().out
    assert "3 of 6 picks kept in" in said
    assert "1 micrograph with picks kept, 2 left out: 1 not doubt up to 0.5; 1 not ctf_resolution" in said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "--where for micrographs"),
        (("--where", "doubt<1"), "is no range"),
        (("--where", "ice=1:"), "ice is known of no micrograph"),
        (("--where", "picks=9:"), "no micrograph with picks is within all ranges"),
        (("--where", "picks=1:", "--rejected", "r"), "give --reject or --keep too"),
        (("--keep", "1", "--list", "l.star"), "give --where too"),
    ],
)
def test_what_is_wrong_is_said(
    folder: Path, tmp_path: Path, more: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["select", str(folder), *more, "--out", str(tmp_path / "kept")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "kept").exists()


def test_a_list_is_not_written_over_itself(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tmp_path / "ctf.star").read_bytes()
    call = [
        "select",
        str(folder),
        "--where",
        "defocus_um=:2",
        "--list",
        str(tmp_path / "ctf.star"),
        "--overwrite",
    ]
    assert cli.run([*call, "--out", str(tmp_path)]) == 2
    assert "another list would be written there" in capsys.readouterr().err
    assert (tmp_path / "ctf.star").read_bytes() == before
