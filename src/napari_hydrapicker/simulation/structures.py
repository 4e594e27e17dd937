"""Reading structures: PDB and mmCIF (gemmi), compact npz, MRC maps.

Every function raises `StructureError` with the file's name, what is wrong and what to do.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import StructureError
from napari_hydrapicker.simulation.cloud import PointCloud, from_atoms, from_density

# What numpy, zipfile, gzip and mrcfile raise at files that are cut short, garbled or of another kind.
_DAMAGED = (
    OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, RuntimeWarning, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
MODEL_SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz")
MAP_SUFFIXES = (".mrc", ".map", ".mrc.gz", ".map.gz")


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
        raise StructureError(f"{path}: no such file; give a PDB, mmCIF, MRC or npz file")
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
    except (RuntimeError, *_DAMAGED) as error:
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
