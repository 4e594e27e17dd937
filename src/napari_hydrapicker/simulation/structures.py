"""Molecules as clouds of weighted points, and reading them: PDB and mmCIF (gemmi), compact npz, MRC maps."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import StructureError
from napari_hydrapicker.wording import counted

# A heavy atom of a protein with its hydrogens fills about 17.5 A^3 and exceeds the mean inner
# potential of the vitreous ice it displaces by about 2.2 V (Vulovic et al. 2013, J Struct Biol 183:19).
POTENTIAL_PER_ATOM = 38.0
MEAN_ATOMIC_NUMBER = 6.7
DALTON_PER_HEAVY_ATOM = 14.4

# What numpy, zipfile, gzip and mrcfile raise at files that are cut short, garbled or of another kind.
_DAMAGED = (
    OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, RuntimeWarning, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
MODEL_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz")
MAP_SUFFIXES = (".mrc", ".map", ".mrc.gz", ".map.gz")


@dataclass(frozen=True, eq=False)
class PointCloud:
    """A molecule as points.

    Attributes
    ----------
    name : str
        Identifies the molecule in tables and file names.
    xyz_angstrom : ndarray of float32, shape (N, 3)
        Positions (x, y, z) around the centre of mass, in Angstrom.
    weight : ndarray of float32, shape (N,)
        Potential above that of ice, integrated over the point's volume, in V A^3.
    """

    name: str
    xyz_angstrom: NDArray[np.float32]
    weight: NDArray[np.float32]

    def __post_init__(self) -> None:
        if len(self.xyz_angstrom) == 0 or not np.isfinite(self.xyz_angstrom).all():
            raise StructureError(f"{self.name}: no atoms with finite positions; give a complete structure")
        if not self.weight.sum() > 0:
            raise StructureError(f"{self.name}: no positive density; give a map with particles positive")

    @property
    def diameter_angstrom(self) -> float:
        """Largest extent: the most distant pair along 200 directions, in Angstrom."""
        rng = np.random.default_rng(0)
        directions = rng.normal(size=(200, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        along = self.xyz_angstrom.astype(np.float32) @ directions.T.astype(np.float32)
        return float(np.ptp(along, axis=0).max())

    @property
    def mass_kda(self) -> float:
        """Molecular mass estimated from the scattering strength, in kDa."""
        return float(self.weight.sum()) / POTENTIAL_PER_ATOM * DALTON_PER_HEAVY_ATOM / 1000

    def thinned(self, most: int, seed: int = 0) -> PointCloud:
        """Return at most `most` points drawn at random, with the total strength kept."""
        n = len(self.weight)
        if n <= most:
            return self
        keep = np.random.default_rng(seed).choice(n, most, replace=False)
        weight = self.weight[keep] * (self.weight.sum() / self.weight[keep].sum())
        return PointCloud(self.name, self.xyz_angstrom[keep], weight.astype(np.float32))


def from_atoms(
    name: str, xyz_angstrom: NDArray[np.floating], atomic_number: NDArray[Any], fraction: float = 1.0
) -> PointCloud:
    """Make a cloud from atoms.

    Parameters
    ----------
    xyz_angstrom : ndarray, shape (N, 3)
        Atom positions in Angstrom; centred here on their mean.
    atomic_number : ndarray, shape (N,)
    fraction : float
        Stored atoms / atoms of the molecule, where a file was thinned.
    """
    xyz = np.asarray(xyz_angstrom, np.float32)
    if xyz.ndim != 2 or xyz.shape[1:] != (3,) or not 0 < fraction <= 1:
        raise StructureError(f"{name}: atoms need shape (N, 3) and a fraction in (0, 1]")
    if np.shape(atomic_number) != xyz.shape[:1]:
        raise StructureError(
            f"{name}: {counted(len(xyz), 'position')}, but atomic numbers {np.shape(atomic_number)}"
        )
    weight = POTENTIAL_PER_ATOM * np.asarray(atomic_number, np.float32) / MEAN_ATOMIC_NUMBER / fraction
    if len(xyz) == 0:
        raise StructureError(f"{name}: the file holds no atoms")
    return PointCloud(name, xyz - xyz.mean(axis=0), weight.astype(np.float32))


def from_density(
    name: str, density: NDArray[np.floating], voxel_angstrom: float, mass_kda: float | None = None
) -> PointCloud:
    """Make a cloud from a map (particle positive), one point for each voxel of the molecule.

    Parameters
    ----------
    density : ndarray, shape (Z, Y, X)
        Arbitrary units, background about 0.
    voxel_angstrom : float
        Edge of a voxel in Angstrom.
    mass_kda : float, optional
        Sets the strength. Without it the mass follows from the volume above a tenth of the maximum at
        0.82 Da/A^3.
    """
    volume = np.nan_to_num(np.asarray(density, np.float32))
    if volume.ndim != 3 or voxel_angstrom <= 0:
        raise StructureError(f"{name}: a map needs three axes and a positive voxel size")
    inside = volume > 0.1 * volume.max()
    if volume.max() <= 0 or not inside.any():
        raise StructureError(f"{name}: the map has no positive density; invert its contrast")
    zyx = np.argwhere(inside).astype(np.float32) * voxel_angstrom
    density_inside = volume[inside]
    if mass_kda is None:
        mass_kda = float(inside.sum()) * voxel_angstrom**3 * 0.82 / 1000
    strength = mass_kda * 1000 / DALTON_PER_HEAVY_ATOM * POTENTIAL_PER_ATOM
    weight = density_inside * (strength / density_inside.sum())
    xyz = zyx[:, ::-1] - np.average(zyx[:, ::-1], axis=0, weights=density_inside)
    return PointCloud(name, xyz.astype(np.float32), weight.astype(np.float32))


def load_structure(path: Path | str) -> PointCloud:
    """Read a molecule as a point cloud.

    Parameters
    ----------
    path : path
        PDB or mmCIF (the first biological assembly where the file defines one), MRC map (particle
        positive), or npz: ``xyz, Z, scale_angstrom, fraction`` for atoms, ``map, voxel_angstrom`` for a map.

    Raises
    ------
    StructureError
        If the file is missing, damaged, holds no atoms, or is of another kind.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        what = "not a regular file" if path.exists() else "no such file"
        raise StructureError(f"{path}: {what}; give a PDB, mmCIF, MRC or npz file")
    if path.stat().st_size == 0:
        raise StructureError(f"{path}: is empty; get the file again")
    if name.endswith(".npz"):
        return _from_npz(path)
    if name.endswith(MODEL_SUFFIXES):
        return _from_model(path)
    if name.endswith(MAP_SUFFIXES):
        return _from_map(path)
    raise StructureError(f"{path}: not a structure this program knows; give PDB, mmCIF, an MRC map or npz")


def _from_npz(path: Path) -> PointCloud:
    if not zipfile.is_zipfile(path):  # numpy would take it for a pickle, and advise how to trust it
        raise StructureError(f"{path}: not an npz file, or cut short; get the file again")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        if {"map", "voxel_angstrom"} <= arrays.keys():
            return from_density(path.stem, _numbers(arrays["map"]), float(arrays["voxel_angstrom"]))
        if {"xyz", "Z"} <= arrays.keys():
            scale, fraction = (float(arrays.get(key, 1.0)) for key in ("scale_angstrom", "fraction"))
            return from_atoms(path.stem, _numbers(arrays["xyz"]) * scale, _numbers(arrays["Z"]), fraction)
    except _DAMAGED as error:
        raise StructureError(f"{path}: not a readable npz file ({error}); get the file again") from error
    raise StructureError(f"{path}: holds {sorted(arrays)}; needs xyz and Z, or map and voxel_angstrom")


def _numbers(array: NDArray[Any]) -> NDArray[np.float32]:
    return array.astype(np.float32)


def _from_model(path: Path) -> PointCloud:
    import gemmi

    try:
        structure = gemmi.read_structure(str(path))
        structure.setup_entities()
        structure.remove_waters()
        structure.remove_hydrogens()
        if structure.assemblies:
            structure.transform_to_assembly(
                structure.assemblies[0].name, gemmi.HowToNameCopiedChain.AddNumber
            )
    except (RuntimeError, IndexError, *_DAMAGED) as error:  # of a file without any block for one
        raise StructureError(f"{path}: gemmi cannot read it ({error}); check the file") from error
    if len(structure) == 0:
        raise StructureError(f"{path}: holds no model; check the file")
    atoms = [(*cra.atom.pos.tolist(), cra.atom.element.atomic_number) for cra in structure[0].all()]
    if not atoms:
        raise StructureError(f"{path}: holds no atoms besides water and hydrogen")
    table = np.array(atoms)
    return from_atoms(path.name.split(".")[0], table[:, :3], table[:, 3].astype(int))


def _from_map(path: Path) -> PointCloud:
    import mrcfile

    try:
        with mrcfile.open(path, permissive=False) as mrc:
            volume, voxel = np.array(mrc.data, np.float32), float(mrc.voxel_size.x)
    except _DAMAGED as error:
        raise StructureError(f"{path}: not a readable MRC map ({error}); check the file") from error
    if volume.ndim != 3 or not voxel > 0:
        raise StructureError(
            f"{path}: a map needs three axes and a positive voxel size, and this has {volume.ndim} axes and "
            f"{voxel:g} A; give a density map"
        )
    return from_density(path.name.split(".")[0], volume, voxel)
