"""A simulated micrograph with its truth, by one call: for notebooks, the demo and napari's sample data."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picks import Picks, Source
from napari_hydrapicker.simulation import micrograph as simulation
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions
from napari_hydrapicker.simulation.procedural import procedural_complex
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import PointCloud, load_structure

_VIEWS = 100
_LEAST_DIAMETER_PX = 10  # smaller particles have no shape left
_INVENTED_ANGSTROM = 180.0
_SIDE_PX = (64, 16384)
_LAST_SEED = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Sample:
    """A simulated micrograph and what is on it.

    Attributes
    ----------
    image : ndarray of float32, shape (H, W)
        The pixels; particles are dark.
    picks : Picks
        The exact centres of the particles. Broken ones, and those on carbon, are not among them.
    pixel_size_angstrom : float
        Angstrom per pixel.
    diameter_angstrom : float
        Longest diameter of the molecule.
    name : str
        The molecule's.
    """

    image: NDArray[np.float32]
    picks: Picks
    pixel_size_angstrom: float
    diameter_angstrom: float
    name: str = "simulated"

    @property
    def micrograph(self) -> Micrograph:
        """The image as a micrograph in memory, to be picked."""
        return Micrograph.from_array(self.image, self.pixel_size_angstrom, self.name)


def simulate(
    structure: str | os.PathLike[str] | None = None,
    shape: tuple[int, int] = (1024, 1440),
    pixel_size_angstrom: float = 3.0,
    *,
    diameter_angstrom: float | None = None,
    density: float | None = None,
    defocus_um: float | None = None,
    dose_per_square_angstrom: float | None = None,
    random_conditions: bool = False,
    seed: int = 1,
) -> Sample:
    """Simulate a micrograph with exactly known particle positions.

    Parameters
    ----------
    structure : path, optional
        The molecule: a PDB or mmCIF file, a density map (MRC) or an npz; without one, a complex of globular
        subunits is invented.
    shape : (int, int)
        Rows and columns, pixels.
    pixel_size_angstrom : float
        Angstrom per pixel.
    diameter_angstrom : float, optional
        Longest diameter of the invented complex, 180 by default. A structure has its own.
    density : float, optional
        Particles for each diameter² of area; 0.25 by default.
    defocus_um, dose_per_square_angstrom : float, optional
        Underfocus, micrometres, 1.8 by default; electrons per square Angstrom, 40 by default.
    random_conditions : bool
        Draw defocus, noise, contamination and the like as in training, but for what is given.
    seed : int
        The same seed gives the same micrograph, and the same invented complex.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or the molecule does not fit into the image.
    StructureError
        If the structure cannot be read.

    Examples
    --------
    >>> made = simulate(shape=(300, 480), seed=1)
    >>> made.image.shape, round(made.diameter_angstrom)
    ((300, 480), 180)
    """
    given = {
        "density": density, "defocus_um": defocus_um, "dose_per_square_angstrom": dose_per_square_angstrom
    }  # fmt: skip
    check_positive(pixel_size_angstrom=pixel_size_angstrom, diameter_angstrom=diameter_angstrom, **given)
    low, high = _SIDE_PX
    if len(shape) != 2 or not all(low <= side <= high for side in shape):
        raise ParameterError(f"`shape`: {shape} is not (rows, columns), each from {low} to {high}")
    if not 0 <= seed <= _LAST_SEED:
        raise ParameterError(f"`seed`: {seed} is not a whole number from 0 to {_LAST_SEED}")
    if structure is not None and diameter_angstrom is not None:
        raise ParameterError("`diameter_angstrom`: a structure has its own diameter; leave one of them out")
    cloud = (
        procedural_complex(seed, diameter_angstrom or _INVENTED_ANGSTROM)
        if structure is None
        else load_structure(Path(structure))
    )
    across_px = cloud.diameter_angstrom / pixel_size_angstrom
    if not _LEAST_DIAMETER_PX <= across_px <= min(shape):
        raise ParameterError(
            f"`pixel_size_angstrom`: {cloud.name} is {across_px:.3g} pixels across at "
            f"{pixel_size_angstrom:g} A per pixel; choose one, and a shape, so that it is from "
            f"{_LEAST_DIAMETER_PX} to {min(shape)}"
        )
    rng = np.random.default_rng(seed)
    conditions = draw_conditions(rng) if random_conditions else Conditions()
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return _simulated(cloud, shape, pixel_size_angstrom, replace(conditions, **chosen), seed)


def sample_micrograph(seed: int = 1, shape: tuple[int, int] = (960, 1280)) -> Sample:
    """Simulate a micrograph of a procedural complex 180 Angstrom across, at 3 A/px."""
    cloud = procedural_complex(seed, _INVENTED_ANGSTROM)
    return _simulated(
        cloud, shape, 3.0, Conditions(density=0.15, dose_per_square_angstrom=30, carbon=0.0), seed
    )


def _simulated(
    cloud: PointCloud,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    conditions: Conditions,
    seed: int,
) -> Sample:
    species = make_species(cloud, _VIEWS, seed)
    made = simulation.simulate(species, shape, pixel_size_angstrom, conditions, seed)
    picks = Picks(
        made.yx,
        source=np.full(len(made.yx), Source.IMPORTED, np.int8),
        diameter_px=species.diameter_angstrom / pixel_size_angstrom,
    )
    return Sample(made.image.numpy(), picks, pixel_size_angstrom, species.diameter_angstrom, cloud.name)
