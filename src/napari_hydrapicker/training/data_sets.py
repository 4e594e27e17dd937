"""Putting data sets together: species split into training and validation, labelled micrographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.imaging.normalise import clean, normalise
from napari_hydrapicker.imaging.prepare import flatten_and_normalise, network_input, prepare
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.io.coordinates.folder import read_matched
from napari_hydrapicker.io.find import find_micrographs
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph, with_distinct_names
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.procedural import procedural_complex, with_micelle
from napari_hydrapicker.simulation.projection import make_species
from napari_hydrapicker.simulation.structures import PointCloud, load_structure
from napari_hydrapicker.training.sources import (
    WHITEN_STRENGTH,
    Crop,
    LabelledMicrograph,
    RealSource,
    SimulatedSource,
    masked_points,
)
from napari_hydrapicker.wording import counted

_MOST_OUTSIDE = 0.1  # a few may be boxes of particles that an edge cuts

_BACKGROUND_SUFFIXES = (".mrc", ".tif", ".tiff", ".png", ".jpg")
STRUCTURE_GLOBS = ("*.npz", "*.pdb", "*.cif", "*.mrc")


def check_inside(labels: Picks, micrograph: Micrograph, origin: Path) -> None:
    """Refuse labels of which more than a tenth lie outside the micrograph: they were made on another image.

    Parameters
    ----------
    labels
        Of this micrograph.
    micrograph
        What they are held against.
    origin
        File or folder that they came from, for the message.

    Raises
    ------
    ParameterError
        If they do not fit.
    """
    outside = int(((labels.yx < -0.5) | (labels.yx > np.array(micrograph.shape) - 0.5)).any(axis=1).sum())
    if outside > _MOST_OUTSIDE * len(labels):
        rows, cols = micrograph.shape
        raise ParameterError(
            f"{origin}: {outside} of {counted(len(labels), 'position')} lie outside the {rows} x {cols} "
            "pixels of "
            f"{micrograph.path}; give positions on it, not on a copy that is binned otherwise"
        )


def load_clouds(paths: Sequence[Path], n_procedural: int) -> list[PointCloud]:
    """Read the structures in files and folders, and add procedural complexes."""
    files: list[Path] = []
    for path in paths:
        files += sorted(f for g in STRUCTURE_GLOBS for f in path.glob(g)) if path.is_dir() else [path]
    clouds = [load_structure(f) for f in files]
    clouds += [procedural_complex(1000 + i) for i in range(n_procedural)]
    if not clouds:
        raise ParameterError("no structures; give `structures` FILE-OR-FOLDER or `procedural` N")
    return clouds


def with_micelles(clouds: Sequence[PointCloud], most_kda: float = 400) -> list[PointCloud]:
    """Copies of the smaller molecules in a belt of detergent, as membrane proteins are seen."""
    return [with_micelle(one, i) for i, one in enumerate(clouds) if one.mass_kda <= most_kda]


def load_backgrounds(folders: Sequence[Path]) -> list[NDArray[np.float32]]:
    """Read all images in some folders and their sub-folders: particle-free ice, carbon, contamination.

    Raises
    ------
    ParameterError
        If a folder holds no image.
    MicrographError
        If an image cannot be read.
    """
    images = []
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _BACKGROUND_SUFFIXES)
        if not paths:
            raise ParameterError(f"{folder}: no images in it; give a folder of particle-free micrographs")
        images += [normalise(clean(open_micrograph(path).pixels())) for path in paths]
    return images


def simulated_sources(
    clouds: Sequence[PointCloud], n_views: int, validation_names: Sequence[str], seed: int = 0
) -> tuple[list[SimulatedSource], list[SimulatedSource]]:
    """Project every molecule; those named (in any file of that name) are for validation only."""
    training: list[SimulatedSource] = []
    validation: list[SimulatedSource] = []
    for i, cloud in enumerate(clouds):
        source = SimulatedSource(make_species(cloud, n_views, seed + i))
        (validation if cloud.name in validation_names else training).append(source)
    if not training:
        raise ParameterError("every structure is held out for validation; leave some to train on")
    return training, validation


def validation_crops(sources: Sequence[SimulatedSource], per_source: int, size: int, seed: int) -> list[Crop]:
    """Simulate the same held-out crops every time; sources whose draw is empty are drawn again."""
    crops = []
    for i, source in enumerate(sources):
        rng = np.random.default_rng((seed, i))
        crops += [source.crop(rng, size) for _ in range(per_source)]
    return crops


def noise_crops(number: int = 6, size: int = 512, seed: int = 5) -> list[Crop]:
    """Images in which nothing is, of white noise to noise whose amplitude falls as 1 / f."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    crops, nothing = [], np.empty((0, 2))
    for exponent in np.linspace(0, 1, number):
        spectrum = np.fft.rfft2(rng.normal(size=(size, size))) / np.maximum(radius, 1 / size) ** exponent
        image, mask = flatten_and_normalise(np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32))
        crops.append(Crop(network_input(image, mask, WHITEN_STRENGTH), nothing, nothing))
    return crops


def labelled_micrographs(
    micrographs: Sequence[str],
    coordinates: Path,
    diameter_angstrom: float,
    shift_angstrom: tuple[float, float] = (0.0, 0.0),
) -> dict[str, LabelledMicrograph]:
    """Prepare the micrographs that have labels in a coordinate file or folder, keyed by name.

    `shift_angstrom`, (row, column), is added to the labels: processing can move an image against the
    coordinates made on the original.

    Raises
    ------
    ParameterError
        If a micrograph has no labels, they do not lie on it, or no particle is on any.
    """
    opened = with_distinct_names(open_micrograph(path) for path in find_micrographs(micrographs))
    labels, _ = read_matched(coordinates, opened)
    made = {}
    for micrograph, own in zip(opened, labels, strict=True):
        if own is None:
            raise ParameterError(
                f"{micrograph.path}: no labels for it in {coordinates}; leave it out or add them"
            )
        check_inside(own, micrograph, coordinates)
        prepared = prepare(micrograph, diameter_angstrom)
        shift = np.array(shift_angstrom) / prepared.pixel_size_angstrom
        made[micrograph.name] = LabelledMicrograph.from_prepared(prepared, own.yx + shift)
    if not any(len(one.yx) for one in made.values()):
        raise ParameterError(f"{coordinates}: no particle on any of the micrographs; give their labels")
    return made


def real_source(
    name: str, micrographs: dict[str, LabelledMicrograph], validation_names: Sequence[str]
) -> tuple[RealSource, list[Crop]]:
    """Split a data set by micrograph: a source to train on, and whole images to validate on."""
    train = [m for key, m in micrographs.items() if key not in validation_names]
    if not train:
        raise ParameterError(f"{name}: every micrograph is held out; leave some to train on")
    held = [m for key, m in micrographs.items() if key in validation_names]
    return RealSource(name, train), [whole(m) for m in held]


def whole(m: LabelledMicrograph) -> Crop:
    """Return a micrograph as one crop, its sides cut down to multiples of 16.

    A frame of half a particle counts neither way: those who label leave out what an edge cuts.
    """
    rows, cols = (n // 16 * 16 for n in m.image.shape)
    inside = (m.yx < np.array([rows, cols]) - 0.5).all(axis=1)
    image = network_input(m.image, m.mask, m.whiten)[:rows, :cols]
    counted = np.zeros((rows, cols), np.bool_)
    frame = DIAMETER_WPX // 2
    counted[frame:-frame, frame:-frame] = m.mask[:rows, :cols][frame:-frame, frame:-frame]
    return Crop(np.ascontiguousarray(image), m.yx[inside], masked_points(counted), complete=False)
