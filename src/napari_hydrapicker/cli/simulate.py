"""`hydrapicker simulate`: micrographs with exactly known particle positions, from a structure."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_hydrapicker.simulation.conditions import Conditions
    from napari_hydrapicker.simulation.structures import PointCloud


_VIEWS = 300
_SIDE_PX = (64, 16384)
_LAST_SEED = 2**32 - 1
_LEAST_DIAMETER_PX = 10  # smaller particles have no shape left


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for micrographs (MRC) and true centres (STAR).")],
    structure: Annotated[
        Path | None, typer.Argument(metavar="STRUCTURE", help="PDB, mmCIF, MRC map or npz.")
    ] = None,
    procedural: Annotated[
        int | None, typer.Option(metavar="SEED", help="An invented complex in place of STRUCTURE.")
    ] = None,
    count: Annotated[int, typer.Option(help="Number of micrographs.")] = 1,
    shape: Annotated[str, typer.Option(metavar="ROWSxCOLS", help="Size in pixels.")] = "2048x2048",
    pixel_size: Annotated[float, typer.Option(help="Angstrom per pixel.")] = 1.5,
    defocus: Annotated[float | None, typer.Option(help="Underfocus, micrometre. Default: 1.8.")] = None,
    dose: Annotated[float | None, typer.Option(help="Electrons for each A^2. Default: 40.")] = None,
    density: Annotated[
        float | None, typer.Option(help="Particles for each diameter^2 of area. Default: 0.25.")
    ] = None,
    random_conditions: Annotated[
        bool,
        typer.Option(
            "--random-conditions",
            help="Draw defocus, noise, contamination and the like anew for each micrograph, as in training; "
            "values that are given stay.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same micrographs.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Simulate micrographs with known particle positions.

    Writes NAME_0001.mrc with the true centres in NAME_0001_autopick.star, and so on. Particles that lie
    on carbon or are broken are not among the centres.
    """
    rows_cols = parse_shape(shape)
    _check(count, pixel_size=pixel_size, defocus=defocus, dose=dose, density=density)
    if (structure is None) == (procedural is None):
        raise ParameterError("give one of STRUCTURE and --procedural SEED")
    check_seed("--seed", seed)
    check_seed("--procedural", procedural or 0)
    cloud = _load(structure, procedural)
    diameter = cloud.diameter_angstrom
    if not _LEAST_DIAMETER_PX * pixel_size <= diameter <= min(rows_cols) * pixel_size:
        raise ParameterError(
            f"{cloud.name} is {diameter:.0f} A across, {diameter / pixel_size:.3g} of {shape} pixels; "
            f"give a --pixel-size and a --shape at which it is at least {_LEAST_DIAMETER_PX} px and fits"
        )
    names = [f"{cloud.name}_{i + 1:04d}" for i in range(count)]
    _check_outputs(names, out, overwrite)
    chosen = {"defocus_um": defocus, "dose_per_square_angstrom": dose, "density": density}
    given = {name: value for name, value in chosen.items() if value is not None}
    _simulate_all(cloud, names, out, rows_cols, pixel_size, given, random_conditions, seed, overwrite)
    typer.echo(f"{cloud.name}: {diameter:.0f} A across, {cloud.mass_kda:.0f} kDa")


def parse_shape(text: str) -> tuple[int, int]:
    """Read ROWSxCOLS; a ParameterError says which sizes there are."""
    found = re.fullmatch(r"(\d{1,6})[x×,](\d{1,6})", text.strip().lower())
    shape = (int(found[1]), int(found[2])) if found else (0, 0)
    low, high = _SIDE_PX
    if not all(low <= n <= high for n in shape):
        raise ParameterError(f"--shape {text}: give ROWSxCOLS, each from {low} to {high}, such as 2048x3072")
    return shape


def check_seed(option: str, seed: int) -> None:
    """Refuse what cannot seed all random generators.

    Raises
    ------
    ParameterError
        If the seed is negative or has over 32 bits.
    """
    if not 0 <= seed <= _LAST_SEED:
        raise ParameterError(f"{option} {seed}: give a whole number from 0 to {_LAST_SEED}")


def _check(count: int, **numbers: float | None) -> None:
    if not 1 <= count <= 9999:
        raise ParameterError(f"--count {count}: give a number from 1 to 9999")
    limits = {"pixel_size": 100.0, "defocus": 20.0, "dose": 1e9, "density": 4.0}
    for name, value in numbers.items():
        if value is not None and not (math.isfinite(value) and 0 < value <= limits[name]):
            option = "--" + name.replace("_", "-")
            raise ParameterError(f"{option} {value:g}: give a number above 0, at most {limits[name]:g}")


def _load(structure: Path | None, procedural: int | None) -> PointCloud:
    from napari_hydrapicker.simulation.procedural import procedural_complex
    from napari_hydrapicker.simulation.structures import load_structure

    return load_structure(structure) if structure is not None else procedural_complex(procedural or 0)


def _check_outputs(names: list[str], out: Path, overwrite: bool) -> None:
    """Refuse before the work, not after it."""
    files = [out / f"{name}{ending}" for name in names for ending in (".mrc", "_autopick.star")]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise ParameterError(f"{existing[0]} exists; give --overwrite to replace it, or another --out")


def _simulate_all(
    cloud: PointCloud,
    names: list[str],
    out: Path,
    shape: tuple[int, int],
    pixel_size_angstrom: float,
    given: dict[str, float],
    random_conditions: bool,
    seed: int,
    overwrite: bool,
) -> None:
    # torch, which projection and simulation need, takes a second or two to load.
    import numpy as np

    from napari_hydrapicker.io import coordinates as formats
    from napari_hydrapicker.picks import Picks, Source
    from napari_hydrapicker.simulation.micrograph import simulate as simulate_one
    from napari_hydrapicker.simulation.projection import make_species

    species = make_species(cloud, _VIEWS, seed)
    for i, name in enumerate(names):
        rng = np.random.default_rng((seed, i))
        conditions = _conditions(rng, given, random_conditions)
        made = simulate_one(species, shape, pixel_size_angstrom, conditions, int(rng.integers(2**31)))
        centres = Picks(
            made.yx,
            source=np.full(len(made.yx), Source.IMPORTED, np.int8),
            diameter_px=species.diameter_angstrom / pixel_size_angstrom,
        )
        path = out / f"{name}.mrc"
        write_mrc(path, made.image.numpy(), pixel_size_angstrom)
        formats.write({name: centres}, out, "star", overwrite=overwrite)
        typer.echo(f"{path}: {counted(len(centres), 'particle')}, defocus {conditions.defocus_um:.2f} um")


def _conditions(rng: np.random.Generator, given: dict[str, float], at_random: bool) -> Conditions:
    from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions

    return replace(draw_conditions(rng) if at_random else Conditions(), **given)  # type: ignore[arg-type]


def write_mrc(path: Path, image: NDArray[np.float32], pixel_size_angstrom: float) -> None:
    """Write an image (H, W) as MRC; the file appears whole or not at all.

    Raises
    ------
    MicrographError
        If it cannot be written.
    """
    import mrcfile

    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mrcfile.new(part, overwrite=True) as file:
            file.set_data(image)
            file.voxel_size = pixel_size_angstrom
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # best effort: the folder may not even be there
            part.unlink(missing_ok=True)
        raise MicrographError(f"{path}: cannot be written ({error.strerror or error})") from error
