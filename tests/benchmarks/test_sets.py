from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import sets
from benchmarks.sets import DataSet, make_sets, read_sets
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One labelled set and one kind of empty pictures."""
    for name in ("061", "062", "063", "064", "065"):
        image = np.random.default_rng(int(name)).normal(size=(40, 70)).astype(np.float32)
        write_mrc(tmp_path / "micrographs" / "empiar10028" / f"{name}.mrc", image, 5.0)
        formats.write({name: Picks(np.array([[10.0, 60]]))}, tmp_path / "coordinates" / "empiar10028", "star")
    (tmp_path / "negatives" / "ice").mkdir(parents=True)
    Image.fromarray(np.zeros((30, 50), np.uint8)).save(tmp_path / "negatives" / "ice" / "a.png")
    monkeypatch.setattr(sets, "SIZES", (32, 48))
    monkeypatch.setattr(sets, "DIAMETERS", ())
    monkeypatch.setattr(sets, "HEAD_COUNTS", ())
    monkeypatch.setattr(sets, "_SHAPE", (32, 48))
    return tmp_path


def test_sets_are_made_of_what_is_there(data: Path, tmp_path: Path) -> None:
    make_sets(tmp_path / "made", data)
    found = {one.name: one for one in read_sets(tmp_path / "made")}
    assert set(found) == {"empiar10028", "negatives-ice", "noise", "size@32", "size@48"}
    real = found["empiar10028"]
    assert [m.name for m in real.micrographs()] == ["064", "065"]
    assert [m.name for m in real.micrographs("training")] == ["061", "062", "063"]
    assert real.truth()["064"].yx.tolist() == [[10, 60]]
    assert real.trains_heads
    assert found["negatives-ice"].micrographs()[0].pixel_size_angstrom == 1
    assert found["size@48"].micrographs()[0].shape == (48, 48)


def test_only_what_is_missing_is_made(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"
    make_sets(made, data)
    before = (made / "empiar10028" / "set.json").stat().st_mtime_ns
    (made / "noise" / "set.json").unlink()  # as if it had been interrupted
    capsys.readouterr()
    make_sets(made, data)
    assert capsys.readouterr().out == "made noise\n"
    assert (made / "empiar10028" / "set.json").stat().st_mtime_ns == before


def test_the_fingerprint_follows_micrographs_labels_and_lengths(data: Path, tmp_path: Path) -> None:
    make_sets(tmp_path / "made", data)
    folder = tmp_path / "made" / "empiar10028"

    def now() -> tuple[str, str]:
        one = DataSet.read(folder)
        return one.fingerprint, one.training_fingerprint

    first = now()
    assert now() == first
    formats.write(
        {"064": Picks(np.array([[11.0, 60]]))}, data / "coordinates" / "empiar10028", "star", overwrite=True
    )
    second = now()
    assert second[0] != first[0]
    assert second[1] == first[1]
    write_mrc(data / "micrographs" / "empiar10028" / "062.mrc", np.ones((40, 70), np.float32), 5.0)
    third = now()
    assert (third[0] == second[0], third[1] == second[1]) == (True, False)
    one = DataSet.read(folder)
    DataSet(folder, one.diameter_angstrom, stated_factor=1.5).save()
    assert now()[0] != third[0]
    assert DataSet.read(folder).stated_angstrom == pytest.approx(450)


def test_the_signal_to_noise_ratio_is_that_of_the_particles() -> None:
    rng = np.random.default_rng(0)
    empty = rng.normal(0, 2, (120, 150)).astype(np.float32)
    signal = np.zeros_like(empty)
    signal[40:54, 60:88] = 3  # half of a disc of 28 pixels about (54, 74)
    found = sets._snr(empty + signal, empty, np.array([[54.0, 74]]))
    assert found == pytest.approx(1.5**2 / 2**2, rel=0.15)
    assert np.isnan(sets._snr(empty, empty, np.empty((0, 2))))
