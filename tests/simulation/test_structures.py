"""Reading structures from files."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import mrcfile
import numpy as np
import pytest

from napari_hydrapicker.errors import StructureError
from napari_hydrapicker.simulation.structures import load_structure

XYZ = np.array([[1.0, 2, 3], [11, 2, 3], [1, 22, 3], [1, 2, 33]])
TURNED_COPY = """\
REMARK 350 BIOMOLECULE: 1
REMARK 350 AUTHOR DETERMINED BIOLOGICAL UNIT: DIMERIC
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000
REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000
REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000      100.00000
REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000        0.00000
REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        0.00000
"""


def atom(serial: int, residue: str, xyz: np.ndarray, element: str = "C", record: str = "ATOM") -> str:
    name = {"C": "CA", "O": "O", "H": "H"}[element]
    x, y, z = xyz
    return (
        f"{record:<6}{serial:>5}  {name:<3} {residue:>3} A{serial:>4}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00          {element:>2}\n"
    )


def pdb_text(head: str = "") -> str:
    """Four carbon atoms, one hydrogen, one water."""
    body = "".join(atom(i + 1, "ALA", xyz) for i, xyz in enumerate(XYZ))
    hydrogen = atom(5, "ALA", np.array([500.0, 0, 0]), "H")
    water = atom(6, "HOH", np.array([0, 500.0, 0]), "O", "HETATM")
    return head + body + hydrogen + water + "END\n"


def check(cloud_xyz: np.ndarray) -> None:
    np.testing.assert_allclose(cloud_xyz, XYZ - XYZ.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("ending", ["pdb", "ent", "pdb.gz"])
def test_pdb_without_water_and_hydrogen(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mine.{ending}"
    content = pdb_text().encode()
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    cloud = load_structure(path)
    assert cloud.name == "mine"
    check(cloud.xyz_angstrom)


def test_mmcif_says_the_same(tmp_path: Path) -> None:
    structure = gemmi.read_pdb_string(pdb_text())
    structure.setup_entities()
    path = tmp_path / "mine.cif"
    structure.make_mmcif_document().write_file(str(path))
    check(load_structure(path).xyz_angstrom)


def test_the_biological_assembly_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "dimer.pdb"
    path.write_text(pdb_text(TURNED_COPY))
    both = np.concatenate([XYZ, XYZ * (-1, -1, 1) + (100, 0, 0)])
    cloud = load_structure(path)
    found = np.sort(cloud.xyz_angstrom, axis=0)
    np.testing.assert_allclose(found, np.sort(both - both.mean(axis=0), axis=0), atol=1e-3)


def test_npz_of_atoms_in_steps_and_thinned(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    numbers = np.array([6, 6, 7, 8])
    np.savez(path, xyz=(XYZ * 10).astype(np.int16), Z=numbers, scale_angstrom=0.1, fraction=0.5)
    cloud = load_structure(path)
    check(cloud.xyz_angstrom)
    assert cloud.weight.sum() == pytest.approx(2 * 38.0 * numbers.sum() / 6.7, rel=1e-5)


def density() -> np.ndarray:
    volume = np.zeros((8, 10, 12), np.float32)
    volume[2, 3, 2], volume[2, 3, 8], volume[6, 3, 5] = 1, 1, 2
    return volume


def check_map(xyz: np.ndarray) -> None:
    expected = np.array([[-6.0, 0, -4], [0, 0, 4], [6, 0, -4]])
    np.testing.assert_allclose(xyz[np.argsort(xyz[:, 0])], expected, atol=1e-4)


def test_npz_of_a_map(tmp_path: Path) -> None:
    np.savez(tmp_path / "map.npz", map=density(), voxel_angstrom=2.0)
    check_map(load_structure(tmp_path / "map.npz").xyz_angstrom)


@pytest.mark.parametrize(("shape", "voxel"), [((20, 30), 2.0), ((20, 30, 10), 0.0)])
def test_a_micrograph_is_no_map(tmp_path: Path, shape: tuple[int, ...], voxel: float) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(np.ones(shape, np.float32))
        mrc.voxel_size = voxel
    with pytest.raises(StructureError, match=rf"{tmp_path}/a\.mrc: a map needs three axes"):
        load_structure(tmp_path / "a.mrc")


@pytest.mark.parametrize("ending", ["mrc", "map", "mrc.gz"])
def test_mrc_map(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"volume.{ending}"
    with mrcfile.new(path, compression="gzip" if ending.endswith("gz") else None) as file:
        file.set_data(density())
        file.voxel_size = 2.0
        file.set_volume()
    cloud = load_structure(path)
    assert cloud.name == "volume"
    check_map(cloud.xyz_angstrom)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdb", b""),
        ("a.pdb", b"no structure\n"),
        ("a.pdb", bytes(range(256)) * 4),
        ("a.pdb", ("HEADER\n" + atom(1, "HOH", XYZ[0], "O", "HETATM")).encode()),
        ("a.cif", b"data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1\n"),
        ("a.cif", b"data_x\n_cell.length_a 3\n"),
        ("a.pdb.gz", gzip.compress(pdb_text().encode())[:40]),
        ("a.npz", b"PK\x03\x04 and no more"),
        ("a.npz", b"\x80\x04N."),
        ("a.mrc", b"short"),
        ("a.mrc", bytes(2048)),
        ("a.mrc.gz", b"\x1f\x8b\x08 not really"),
        ("a.txt", b"x"),
        ("a.cif", b""),
        ("a.cif", b"# no block follows\n"),
    ],
)
def test_files_that_are_damaged_or_something_else(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StructureError, match=r"^.*a\.") as error:
        load_structure(path)
    assert "pickle" not in str(error.value)


@pytest.mark.parametrize("ending", ["mrc", "mrc.gz"])
def test_maps_cut_short(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    with mrcfile.new(path, compression="gzip" if ending.endswith("gz") else None) as file:
        file.set_data(np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32))
        file.voxel_size = 2.0
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(StructureError, match=r"a\.mrc"):
        load_structure(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"other": np.ones(3)},
        {"xyz": np.ones((4, 3))},
        {"xyz": np.ones((4, 2)), "Z": np.ones(4)},
        {"xyz": np.ones((4, 3)), "Z": np.ones(3)},
        {"xyz": np.array(["a", "b"]), "Z": np.ones(2)},
        {"xyz": np.ones((4, 3)), "Z": np.ones(4), "fraction": np.ones(2)},
        {"map": np.ones((4, 4)), "voxel_angstrom": 1.0},
        {"map": np.ones((4, 4, 4)), "voxel_angstrom": np.ones(3)},
        {"map": np.array([None]), "voxel_angstrom": 1.0},
    ],
)
def test_npz_with_the_wrong_content(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(StructureError, match="a"):
        load_structure(tmp_path / "a.npz")


def test_a_folder_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="not a regular file"):
        load_structure(tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="no such file"):
        load_structure(tmp_path / "none.pdb")
