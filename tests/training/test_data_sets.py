"""Putting data sets together."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.structures import PointCloud, from_atoms
from napari_hydrapicker.training import data_sets
from napari_hydrapicker.training.sources import LabelledMicrograph

SHAPE = (240, 360)


def cloud(name: str) -> PointCloud:
    return from_atoms(name, np.random.default_rng(0).normal(size=(200, 3)) * 25, np.full(200, 7))


def test_structures_come_from_files_folders_and_seeds(tmp_path: Path) -> None:
    for name in ("b", "a"):
        np.savez(
            tmp_path / f"{name}.npz", xyz=np.random.default_rng(0).normal(size=(20, 3)), Z=np.full(20, 6)
        )
    (tmp_path / "notes.txt").write_text("not a structure")
    names = [c.name for c in data_sets.load_clouds([tmp_path, tmp_path / "b.npz"], 2)]
    assert names == ["a", "b", "b", "procedural-1000", "procedural-1001"]
    with pytest.raises(ParameterError, match="no structures"):
        data_sets.load_clouds([], 0)


def test_a_species_held_out_is_not_trained_on() -> None:
    clouds = [cloud(name) for name in ("a", "b", "c")]
    train, held = data_sets.simulated_sources(clouds, 2, ["b", "unknown"])
    assert [s.name for s in train] == ["a", "c"]
    assert [s.name for s in held] == ["b"]
    with pytest.raises(ParameterError, match="held out"):
        data_sets.simulated_sources(clouds, 2, ["a", "b", "c"])


def test_validation_crops_are_the_same_every_time() -> None:
    _, held = data_sets.simulated_sources([cloud("a"), cloud("b"), cloud("c")], 4, ["b", "c"])
    first, again = (data_sets.validation_crops(held, 2, 64, seed=9) for _ in range(2))
    assert len(first) == 4
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.yx, other.yx)
    assert not np.array_equal(first[0].image, first[1].image)


@pytest.fixture
def micrographs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    folder = tmp_path / "micrographs"
    folder.mkdir()
    for name in ("one", "two"):
        image = rng.normal(100, 10, SHAPE).astype(np.float32)
        image[40:80, 240:280] -= 60  # a dark particle at (59.5, 259.5)
        with mrcfile.new(folder / f"{name}.mrc") as file:
            file.set_data(image)
            file.voxel_size = 3.0
    return folder


def labels(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "labels"
    formats.write({name: Picks(np.array([[59.5, 259.5], [200.0, 30.0]])) for name in names}, folder, "star")
    return folder


def test_labelled_micrographs_at_the_working_scale(tmp_path: Path, micrographs: Path) -> None:
    made = data_sets.labelled_micrographs([str(micrographs)], labels(tmp_path, "one", "two"), 126.0)
    assert sorted(made) == ["one", "two"]
    m = made["one"]
    assert m.image.shape == m.mask.shape == (120, 180)  # 42 px a particle, 21 wpx
    np.testing.assert_allclose(m.yx, [[29.75, 129.75], [100, 15]], atol=0.01)
    assert m.image[25:35, 125:135].mean() < m.image.mean() - 1
    source, held = data_sets.real_source("set", made, ["two"])
    assert (source.name, len(source.micrographs)) == ("set", 1)
    assert source.micrographs[0] is m
    assert len(held) == 1
    assert held[0].image.shape == (112, 176)


def test_micrographs_without_labels(tmp_path: Path, micrographs: Path) -> None:
    with pytest.raises(ParameterError, match=r"two\.mrc: no labels"):
        data_sets.labelled_micrographs([str(micrographs)], labels(tmp_path, "one"), 126.0)


def test_a_folder_that_pick_wrote_serves_as_labels(tmp_path: Path, micrographs: Path) -> None:
    folder = labels(tmp_path, "one", "two")
    (folder / "summary.csv").write_text("micrograph,picks\none,2\n")
    (folder / "picking.json").write_text("{}")
    assert len(data_sets.labelled_micrographs([str(micrographs)], folder, 126.0)) == 2


def test_labels_that_do_not_belong_to_the_micrographs(tmp_path: Path, micrographs: Path) -> None:
    outside = tmp_path / "outside"
    formats.write({"one": Picks(np.array([[59.5, 361.0], [20, 30]]))}, outside, "star")
    with pytest.raises(ParameterError, match="outside: 1 of 2 positions lie outside the 240 x 360 pixels"):
        data_sets.labelled_micrographs([str(micrographs / "one.mrc")], outside, 126.0)
    none = tmp_path / "none"
    formats.write({"one": Picks(np.empty((0, 2)))}, none, "star")
    with pytest.raises(ParameterError, match="none: no particle on any"):
        data_sets.labelled_micrographs([str(micrographs / "one.mrc")], none, 126.0)


def test_a_data_set_all_held_out(tmp_path: Path, micrographs: Path) -> None:
    made = data_sets.labelled_micrographs([str(micrographs)], labels(tmp_path, "one", "two"), 126.0)
    with pytest.raises(ParameterError, match="set: every micrograph"):
        data_sets.real_source("set", made, ["one", "two"])


def test_a_whole_micrograph_is_cut_to_the_networks_grid() -> None:
    image = np.random.default_rng(0).normal(size=(90, 125)).astype(np.float32)
    mask = np.ones((90, 125), bool)
    mask[:, 60:] = False
    labels = np.array([[10.0, 63], [85, 10], [31, 113]])
    crop = data_sets.whole(LabelledMicrograph(image, mask, labels, 0.0))
    assert crop.image.shape == (80, 112)
    assert not crop.complete
    np.testing.assert_array_equal(crop.yx, [[10, 63]])
    np.testing.assert_array_equal(crop.image[:, :60], image[:80, :60])
    rows, cols = crop.ignore_yx.T
    counted = {(y, x) for y in range(0, 80, 4) for x in range(0, 112, 4)} - set(zip(rows, cols, strict=True))
    assert counted == {(y, x) for y in range(12, 69, 4) for x in range(12, 60, 4)}, "a frame of 10"


def test_noise_is_nothing_but_noise() -> None:
    crops = data_sets.noise_crops(3, 128)
    assert [crop.image.shape for crop in crops] == [(128, 128)] * 3
    assert all(len(crop.yx) == len(crop.ignore_yx) == 0 for crop in crops)
    assert all(crop.image.std() == pytest.approx(1, rel=0.15) for crop in crops)
