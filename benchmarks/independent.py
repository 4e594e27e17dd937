"""How the picker stands micrographs of another simulator, each with one trouble that real ones have.

Run as ``python benchmarks/independent.py STRUCTURE ... [--network NAME=FILE ...] [--snr 0.02] [--only
gold,lacy]``. Nothing here is shared with the package's own simulator, on which networks are trained:
structures are projected by a histogram, particles and ice go through a transfer function written anew, and
everything else is added to the image. A picker that has but learnt its own simulator shows it here. Every
structure is seen once with each trouble, 72 pixels a particle; `--snr` is the variance of the signal within
the particles against that of the noise of a pixel. The table has the mean AP (box IoU 0.6) of the structures.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.evaluation.metrics import average_precision
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.structures import PointCloud, load_structure

ROWS, COLS = 1440, 1632  # pixels
LENGTH = 72  # of a particle, pixels
PATCH = 128

Image = NDArray[np.float64]


@dataclass
class Scene:
    """A micrograph in the making: what is projected, what is seen, and what a picker should find."""

    rng: np.random.Generator
    cloud: PointCloud
    projected: Image = field(default_factory=lambda: np.zeros((ROWS, COLS)))
    image: Image = field(default_factory=lambda: np.zeros((ROWS, COLS)))
    noise: float = 1.0
    defocus_um: float = 2.0
    yx: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def pixel_angstrom(self) -> float:
        """Size of a pixel."""
        return float(self.cloud.diameter_angstrom) / LENGTH

    def add_particle(self, centre: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add a projection in a random direction; returns its centre of mass."""
        points = self.cloud.xyz_angstrom @ _rotation(self.rng).T
        places = points[:, :2] / self.pixel_angstrom + centre
        edges = [np.arange(n + 1) - 0.5 for n in (ROWS, COLS)]
        corner = np.maximum(np.floor(centre).astype(int) - PATCH // 2, 0)
        parts = [e[c : c + PATCH + 1] for e, c in zip(edges, corner, strict=True)]
        if min(map(len, parts)) > 1:
            seen = np.histogram2d(places[:, 0], places[:, 1], bins=parts, weights=self.cloud.weight)[0]
            rows, cols = (slice(c, c + n) for c, n in zip(corner, seen.shape, strict=True))
            self.projected[rows, cols] += seen
        return np.asarray(places.mean(axis=0), np.float64)

    def through_the_lens(self, potential: Image, astigmatism: float = 300) -> Image:
        """Weak-phase image of a potential: dense is dark (300 kV, Cs 2.7 mm, 10 % amplitude contrast)."""
        wavelength, spherical = 0.0197, 2.7e7
        rows, cols = np.fft.fftfreq(ROWS, self.pixel_angstrom), np.fft.rfftfreq(COLS, self.pixel_angstrom)
        square, angle = rows[:, None] ** 2 + cols**2, np.arctan2(rows[:, None], cols)
        defocus = self.defocus_um * 1e4 + astigmatism * np.cos(2 * angle)
        phase = np.pi * wavelength * defocus * square - np.pi / 2 * spherical * wavelength**3 * square**2
        transfer = np.sin(phase + np.arcsin(0.1)) * np.exp(-30 * square)
        return np.asarray(-np.fft.irfft2(np.fft.rfft2(potential) * transfer, s=potential.shape))


def _rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    basis, triangle = np.linalg.qr(rng.normal(size=(3, 3)))
    basis = basis * np.sign(np.diag(triangle))
    return np.asarray(basis * np.linalg.det(basis), np.float64)  # never its mirror image


def _grid() -> tuple[Image, Image]:
    rows, cols = np.mgrid[:ROWS, :COLS].astype(float)
    return rows, cols


def _field(rng: np.random.Generator, sigma: float) -> Image:
    made = ndimage.gaussian_filter(rng.normal(size=(ROWS, COLS)), sigma)
    return np.asarray(made / made.std())


def _lump(rng: np.random.Generator, length: float) -> Image:
    side = int(2.5 * length) + 2
    rows, cols = np.mgrid[:side, :side] - side / 2
    turn = np.arctan2(rows, cols)
    waves = (rng.normal() * 0.15 / k * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(2, 6))
    edge = length / 2 * (1 + sum(waves))
    solid = np.clip((edge - np.hypot(rows, cols)) / (0.15 * length) + 0.5, 0, 1)
    return np.asarray(ndimage.gaussian_filter(solid, 1.5) * rng.uniform(0.6, 1))


def _scattered(rng: np.random.Generator, number: int, sizes: tuple[float, float]) -> Image:
    """Lumps at random places, of `sizes` particle lengths: 0 to 1."""
    out = np.zeros((ROWS + 400, COLS + 400))
    for _ in range(number):
        lump = _lump(rng, LENGTH * np.exp(rng.uniform(*np.log(sizes))))
        row, col = rng.integers(0, ROWS), rng.integers(0, COLS)
        part = out[row : row + lump.shape[0], col : col + lump.shape[1]]
        np.maximum(part, lump[: part.shape[0], : part.shape[1]], out=part)
    return out[200 : 200 + ROWS, 200 : 200 + COLS]


def _beyond_a_rim(rng: np.random.Generator) -> Image:
    """Distance beyond the rim of a large hole, pixels; negative inside."""
    rows, cols = _grid()
    turn, radius = rng.uniform(0, 2 * np.pi), 1.5 * COLS
    middle = np.array([np.sin(turn), np.cos(turn)]) * (radius - 0.28 * ROWS)
    return np.asarray(np.hypot(rows - ROWS / 2 + middle[0], cols - COLS / 2 + middle[1]) - radius)


# What happens to a scene's image, once particles, ice and noise are in it. What is returned, if anything, is
# True where no particle is asked for.
Trouble = Callable[[Scene], "NDArray[np.bool_] | None"]


def dark_dirt(scene: Scene) -> None:
    """Opaque lumps of 0.2 to 2 particles."""
    scene.image -= _scattered(scene.rng, 25, (0.2, 2)) * scene.noise * scene.rng.uniform(1, 2.5)


def bright_dirt(scene: Scene) -> None:
    """Holes and bubbles of 0.3 to 1.5 particles."""
    scene.image += _scattered(scene.rng, 25, (0.3, 1.5)) * scene.noise * scene.rng.uniform(1, 2)


def carbon(scene: Scene) -> NDArray[np.bool_]:
    """A grainy film beyond a hole's rim."""
    beyond = 1 / (1 + np.exp(-_beyond_a_rim(scene.rng) / 4))
    grain = scene.through_the_lens(scene.rng.normal(size=(ROWS, COLS)))
    scene.image += beyond * scene.noise * (1.2 * grain / grain.std() - 1)
    return beyond > 0.5


def gold(scene: Scene) -> NDArray[np.bool_]:
    """A film that lets nearly nothing through."""
    beyond = 1 / (1 + np.exp(-_beyond_a_rim(scene.rng) / 6))
    scene.image = scene.image * (1 - 0.7 * beyond) - 12 * scene.noise * beyond
    return beyond > 0.5


def beam(scene: Scene) -> NDArray[np.bool_]:
    """A corner that the beam does not reach."""
    beyond = _beyond_a_rim(scene.rng)
    scene.image = (scene.image + 60 * scene.noise) * np.clip(1 - (beyond + 40) / 120, 0.05, 1)
    return beyond > 0


def lacy(scene: Scene) -> NDArray[np.bool_]:
    """Strands of carbon."""
    strands = 1 / (1 + np.exp((np.abs(_field(scene.rng, COLS / 14)) - 0.18) / 0.02))
    scene.image -= 3 * scene.noise * strands
    return strands > 0.3


def film(scene: Scene) -> None:
    """A continuous carbon film under everything."""
    grain = scene.through_the_lens(scene.rng.normal(size=(ROWS, COLS)))
    scene.image += 1.5 * scene.noise * grain / grain.std()


def bowl(scene: Scene) -> None:
    """Ice that grows far thicker towards the rim."""
    rows, cols = _grid()
    down, across = rows / ROWS - 0.3, cols / COLS - 0.6
    slopes = scene.rng.normal(size=2)
    scene.image += 10 * scene.noise * (4 * (down**2 + across**2) + slopes[0] * down + slopes[1] * across)


def patches(scene: Scene) -> None:
    """Ice of uneven thickness."""
    uneven = _field(scene.rng, 1.2 * LENGTH)
    scene.image = scene.image * np.exp(0.5 * uneven) + 1.5 * scene.noise * uneven


def stripes(scene: Scene) -> None:
    """A gain that is off, and dead columns."""
    rng = scene.rng
    scene.image += scene.noise * (0.5 * rng.normal(size=(1, COLS)) + 0.3 * rng.normal(size=(ROWS, 1)))
    scene.image[:, COLS // 3 : COLS // 3 + 4] = -20 * scene.noise


def hot(scene: Scene) -> None:
    """One pixel in a thousand is hot."""
    scene.image[scene.rng.random((ROWS, COLS)) < 0.001] += 50 * scene.noise


def denoised(scene: Scene) -> None:
    """A low-pass that leaves hardly any noise."""
    scene.image = ndimage.gaussian_filter(scene.image, 0.06 * LENGTH) + 0.03 * scene.image


def clipped(scene: Scene) -> None:
    """Thirty-two grey levels."""
    scene.image = np.round(np.clip(scene.image / scene.noise, -2, 2) * 8)


def drift(scene: Scene) -> None:
    """The stage has moved along rows."""
    scene.image = ndimage.gaussian_filter1d(scene.image, 0.08 * LENGTH, axis=0)
    scene.image += 0.5 * scene.noise * scene.rng.normal(size=(ROWS, COLS))


def clumps(scene: Scene) -> NDArray[np.bool_]:
    """Heaps of particles that are not to be picked."""
    rows, cols = _grid()
    signal, near = scene.projected, np.zeros((ROWS, COLS), np.bool_)
    scene.projected = np.zeros((ROWS, COLS))
    for middle in scene.rng.uniform((150, 150), (ROWS - 150, COLS - 150), (7, 2)):
        for centre in middle + scene.rng.normal(size=(25, 2)) * 0.7 * LENGTH:
            scene.add_particle(centre)
        near |= np.hypot(rows - middle[0], cols - middle[1]) < 2.2 * LENGTH
    scene.image += scene.through_the_lens(ndimage.gaussian_filter(scene.projected, 0.7))
    scene.projected = signal
    return near


def nothing(scene: Scene) -> None:
    """No trouble."""


TROUBLES: dict[str, Trouble] = {
    one.__name__: one
    for one in (
        nothing, dark_dirt, bright_dirt, carbon, gold, beam, lacy, film, bowl, patches, stripes, hot,
        denoised, clipped, drift, clumps,
    )
}  # fmt: skip


def make(cloud: PointCloud, trouble: Trouble, snr: float, seed: int) -> tuple[Image, NDArray[np.float64]]:
    """A micrograph (ROWS, COLS) and the centres (N, 2) of the particles that are to be found, pixels."""
    rng = np.random.default_rng(seed)
    scene = Scene(rng, cloud, defocus_um=rng.uniform(1.2, 2.6))
    least, centres = LENGTH * rng.uniform(0.75, 1), np.empty((0, 2))
    for centre in rng.uniform((0, 0), (ROWS, COLS), (int(0.35 * ROWS * COLS / LENGTH**2), 2)):
        if not len(centres) or np.hypot(*(centres - centre).T).min() > least:
            centres = np.vstack([centres, centre])
            scene.yx.append(scene.add_particle(centre))
    signal = scene.through_the_lens(ndimage.gaussian_filter(scene.projected, 0.7))
    yx = np.array(scene.yx)
    rows, cols = np.clip(np.round(yx).astype(int), 0, (ROWS - 1, COLS - 1)).T
    far = np.ones((ROWS, COLS), np.bool_)
    far[rows, cols] = False
    within = ndimage.distance_transform_edt(far) < LENGTH / 2
    scene.noise = float(signal[within].std()) / snr**0.5
    ice = scene.through_the_lens(rng.normal(size=(ROWS, COLS)))
    scene.image = signal + scene.noise * (0.6 * ice / ice.std() + 0.8 * rng.normal(size=(ROWS, COLS)))
    left_out = trouble(scene)
    inside = ((yx >= 0) & (yx <= (ROWS - 1, COLS - 1))).all(axis=1)
    return scene.image, yx[inside if left_out is None else inside & ~left_out[rows, cols]]


def main() -> None:
    """Print a row for each trouble and a column for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("structures", type=Path, nargs="+", help="structures that no network was trained on")
    parser.add_argument(
        "--network", action="append", default=[], help="NAME=FILE; by default the bundled one"
    )
    parser.add_argument("--snr", type=float, default=0.02, help="0.02 by default")
    parser.add_argument("--only", default=",".join(TROUBLES), help="troubles, comma separated")
    arguments = parser.parse_args()
    named = dict(text.split("=", 1) for text in arguments.network) or {"bundled": None}
    pickers = [HydraNetPicker.load(HydraSpec(weights=path and Path(path)), "cpu") for path in named.values()]
    print("| trouble | " + " | ".join(named) + " |\n|" + " --- |" * (1 + len(named)))
    with tempfile.TemporaryDirectory() as folder:
        for trouble in arguments.only.split(","):
            found: list[list[float]] = [[] for _ in pickers]
            for seed, structure in enumerate(arguments.structures):
                cloud = load_structure(structure)
                image, truth = make(cloud, TROUBLES[trouble], arguments.snr, seed)
                path = Path(folder) / f"{cloud.name}.mrc"
                write_mrc(path, image.astype(np.float32), cloud.diameter_angstrom / LENGTH)
                for aps, picker in zip(found, pickers, strict=True):
                    parameters = PickParameters(diameter_angstrom=cloud.diameter_angstrom)
                    aps.append(_ap(picker.pick_micrograph(open_micrograph(path), parameters), truth))
            print(f"| {trouble} | " + " | ".join(f"{np.mean(aps):.3f}" for aps in found) + " |", flush=True)


def _ap(picks: Picks, truth: NDArray[np.float64]) -> float:
    """Average precision; what is nearer than half a particle to a side does not count."""

    def inner(yx: NDArray[np.float64]) -> NDArray[np.bool_]:
        from_sides = np.minimum(yx, np.array([ROWS, COLS]) - 1 - yx)
        return np.asarray((from_sides >= LENGTH / 2).all(axis=1))

    picks, truth = picks.select(inner(picks.yx)), truth[inner(truth)]
    scores = np.asarray(picks.score)
    matched = match(picks.yx, scores, truth, LENGTH, Criterion.IOU)
    return average_precision(scores, matched.is_true, len(truth))


if __name__ == "__main__":
    main()
