"""Records of micrographs."""

from pathlib import Path

from napari_hydrapicker.project.records import MicrographRecord, Status


def test_a_record_gives_its_micrograph(tmp_path: Path) -> None:
    path = tmp_path / "s.mrcs"
    record = MicrographRecord(4, path, "s_0002", (30, 50), 1.25, 1, 3, Status.NEW)
    micrograph = record.micrograph()
    assert (micrograph.path, micrograph.shape, micrograph.frame) == (path, (30, 50), 1)
    assert micrograph.name == record.name
    assert record.missing
    path.touch()
    assert not record.missing


def test_a_name_with_folders_goes_on_to_its_micrograph(tmp_path: Path) -> None:
    path = tmp_path / "grid2" / "m.mrc"
    micrograph = MicrographRecord(4, path, "grid2/m", (30, 50), 1.25, 0, 1, Status.NEW).micrograph()
    assert (micrograph.name, micrograph.folder, micrograph.stem) == ("grid2/m", "grid2", "m")
