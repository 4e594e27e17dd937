"""The sets of micrographs with known particles that pickers are compared on: made once, then read.

A set is a folder: ``micrographs/``, ``truth/`` with a STAR file each, ``set.json``, and where heads can be
trained ``training/`` and ``training-truth/``. What stands before the first ``-`` of its name is its group,
whose micrographs are pooled; the groups of a sweep are called ``PARAMETER@VALUE``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmarks import few_shot_targets
from napari_hydrapicker.cli.simulate import write_mrc
from napari_hydrapicker.evaluation.report import Sample
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions, draw_wide_conditions
from napari_hydrapicker.simulation.micrograph import Simulated, simulate
from napari_hydrapicker.simulation.projection import Species, make_species
from napari_hydrapicker.simulation.structures import load_structure

HELD_OUT = ("1oel", "1aon", "2cg9", "4v6x", "4v7r", "3sn6", "6utj", "1wcm")
"""Molecules of which no training saw anything."""
TARGETS = {"1oel": 401, "1aon": 302, "2cg9": 703, "4v6x": 404, "1wcm": 305, "4v7r": 306, "6utj": 307}
"""Seeds of the conditions for heads: the first of 301 + i, 401 + i, ... under which an earlier network's AP
was from 0.3 to 0.95."""
REAL = {
    "empiar10017": (180.0, ("15_17_31", "15_30_21", "15_46_37", "15_53_09", "16_26_22", "16_48_06"),
                    ("15_27_22", "15_33_42", "15_36_26")),
    "empiar10028": (300.0, ("064", "065"), ("061", "062", "063")),
    "published-10017": (180.0, ("15_17_31", "15_30_21", "15_33_42"), ()),
}  # fmt: skip
"""Diameter in Angstrom, micrographs that are picked, and those that heads may be trained on."""
SWEEPS: dict[str, tuple[str, list[tuple[float | str, dict[str, float]]]]] = {
    "snr": ("contrast, 1 is physical", [(s, {"signal": s}) for s in (0.1, 0.2, 0.35, 0.6, 1.0, 2.0)]),
    "defocus": ("defocus, µm", [(d, {"defocus_um": d}) for d in (0.4, 0.8, 1.5, 3.0, 5.0)]),
    "crowding": (
        "particles in a square of one diameter",
        [(d, {"density": d, "spacing": 0.5}) for d in (0.05, 0.15, 0.4, 0.8, 1.2)],
    ),
    "background": (
        "background",
        [
            ("clean", {"fragments": 0.0, "blobs": 0.0, "crystals": 0.0}),
            ("carbon edge", {"carbon": 1.0}),
            ("carbon film", {"film": 1.5}),
            ("crystalline ice", {"ice": 1.0}),
            ("dirt", {"specks": 0.06, "beads": 0.01, "aggregates": 0.008, "filaments": 0.006}),
        ],
    ),
}
"""What changes from group to group, what it is called, and its values."""
SIZES, DIAMETERS, HEAD_COUNTS = (1024, 2048, 4096, 8192), (90, 180, 360), (1, 8, 32)
"""For the cost: sides in pixels, diameters in Angstrom, heads in the network's file."""
STATED_LABEL = "stated / true diameter"
STATED = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
SWEPT = ("1aon", "1wcm", "6utj")
SWEPT_CONDITIONS = Conditions(
    density=0.25, spacing=0.7, defocus_um=1.5, dose_per_square_angstrom=20, envelope_angstrom2=300,
    structural_noise=0.8, signal=0.5, fragments=0.05,
)  # fmt: skip
_SHAPE = (800, 960)  # pixels of a simulated micrograph, two of which are a working pixel
_PIXELS_PER_DIAMETER = 42
_SWEPT_SHAPE, _SWEPT_PIXELS = (600, 720), 28
_SEED = 4242
_EACH = 2  # micrographs of a molecule
_NOISE_DIAMETER = 150.0
_NEGATIVE_DIAMETER_PX = 24.0
_COST_PIXEL, _COST_SIDE = 1.77, 4096  # Angstrom; pixels
_TEST = 5  # micrographs of a target
_PARTS = ("micrographs", "truth")
_TRAINING_PARTS = ("training", "training-truth")


@dataclass(frozen=True)
class DataSet:
    """A set of micrographs with the places of their particles.

    Attributes
    ----------
    folder
        Where it is.
    diameter_angstrom
        The particles' own.
    stated_factor
        What pickers are told is this times that.
    border
        In diameters: where neither picks nor particles count.
    pixel_size_angstrom
        Where the files do not state it.
    note
        What else there is to know, as the signal-to-noise ratio.
    """

    folder: Path
    diameter_angstrom: float
    stated_factor: float = 1.0
    border: float = 0.5
    pixel_size_angstrom: float | None = None
    note: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> DataSet:
        """Read what `save` wrote."""
        return cls(folder, **json.loads((folder / "set.json").read_text()))

    def save(self) -> None:
        """Write what is said of it: last, so that a set that was not finished is not taken for one."""
        said = {name: value for name, value in asdict(self).items() if name != "folder"}
        (self.folder / "set.json").write_text(json.dumps(said) + "\n")

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.name

    @property
    def group(self) -> str:
        """What it is pooled in."""
        return self.name.split("-")[0]

    @property
    def stated_angstrom(self) -> float:
        """The diameter that pickers are told."""
        return self.diameter_angstrom * self.stated_factor

    def micrographs(self, part: str = "micrographs") -> list[Micrograph]:
        """Those of a part, "micrographs" or "training", by name."""
        paths = sorted((self.folder / part).iterdir())
        return [open_micrograph(path, self.pixel_size_angstrom) for path in paths]

    def truth(self, part: str = "truth") -> dict[str, Picks]:
        """The particles of each micrograph."""
        paths = sorted((self.folder / part).iterdir())
        return {name: one for path in paths for name, one in formats.read(path).items()}

    @property
    def trains_heads(self) -> bool:
        """Whether there is something to train a head on."""
        return (self.folder / "training").is_dir()

    def samples(self, picks: dict[str, Picks]) -> list[Sample]:
        """Pair picks with the truth."""
        truth, nothing, found = self.truth(), Picks(np.empty((0, 2))), []
        for one in self.micrographs():
            pixel = one.pixel_size_angstrom
            assert pixel is not None
            found.append(
                Sample(
                    one.name, self.name, picks.get(one.name, nothing), truth.get(one.name, nothing),
                    one.shape, pixel, self.diameter_angstrom, self.border * self.diameter_angstrom,
                )
            )  # fmt: skip
        return found

    @cached_property
    def fingerprint(self) -> str:
        """What changes if a micrograph, a label or a length does."""
        return self._hash(_PARTS)

    @cached_property
    def training_fingerprint(self) -> str:
        """What changes if a micrograph that heads are trained on does."""
        return self._hash(_TRAINING_PARTS)

    def _hash(self, parts: tuple[str, ...]) -> str:
        digest = hashlib.sha256((self.folder / "set.json").read_bytes())
        for part in parts:
            for path in sorted((self.folder / part).iterdir()):
                digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]


def read_sets(root: Path) -> list[DataSet]:
    """All sets in a folder, by name."""
    return [DataSet.read(path.parent) for path in sorted(root.glob("*/set.json"))]


def make_sets(root: Path, data: Path) -> None:
    """Make those that are not there.

    Parameters
    ----------
    root
        Folder of sets.
    data
        Folder with ``structures/`` and ``maps/`` (NPZ), ``micrographs/NAME/`` and ``coordinates/NAME/`` of
        labelled sets, ``negatives/KIND/``. What is not there is left out.
    """
    atoms, maps = ({p.stem: p for p in sorted((data / x).glob("*.npz"))} for x in ("structures", "maps"))
    structures = atoms | maps
    makers = [_noise(root), _real(root, data), _negatives(root, data), _cost(root)]
    if set(HELD_OUT) <= structures.keys():
        makers += [_molecules(root, structures), _targets(root, maps | atoms), _sweeps(root, structures)]
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):  # two runs at once would write into one another's files
        for maker in makers:
            for made in maker:
                made.save()
                print(f"made {made.name}", flush=True)


def _missing(root: Path, name: str) -> Path | None:
    folder = root / name
    return None if (folder / "set.json").exists() else folder


def _write(
    folder: Path,
    name: str,
    image: NDArray[np.float32],
    pixel: float,
    yx: NDArray[np.float64],
    training: bool = False,
) -> None:
    micrographs, truth = (folder / part for part in (_TRAINING_PARTS if training else _PARTS))
    micrographs.mkdir(parents=True, exist_ok=True)
    write_mrc(micrographs / f"{name}.mrc", image, pixel)
    formats.write({name: Picks(yx)}, truth, "star", overwrite=True)


def _molecules(root: Path, structures: dict[str, Path]) -> Iterator[DataSet]:
    """The held-out molecules, a set each, under the usual and under wide conditions."""
    for kind, draw in (("molecules", draw_conditions), ("wide", draw_wide_conditions)):
        for i, name in enumerate(HELD_OUT):
            if folder := _missing(root, f"{kind}-{name}"):
                species = make_species(load_structure(structures[name]), 150, _SEED + i)
                pixel = species.diameter_angstrom / _PIXELS_PER_DIAMETER
                rng = np.random.default_rng((_SEED, i))
                for j in range(_EACH):
                    made = simulate(species, _SHAPE, pixel, draw(rng), int(rng.integers(2**31)))
                    _write(folder, f"{name}_{j}", made.image.numpy(), pixel, made.yx)
                yield DataSet(folder, species.diameter_angstrom)


def _targets(root: Path, structures: dict[str, Path]) -> Iterator[DataSet]:
    """Molecules under conditions of their own, with micrographs to train heads on."""
    for name, seed in TARGETS.items():
        if folder := _missing(root, f"targets-{name}"):
            count = few_shot_targets.TRAINING + _TEST
            for i, (made, pixel) in enumerate(few_shot_targets.simulated(structures[name], seed, count)):
                training = i < few_shot_targets.TRAINING
                _write(folder, f"{name}_{i}", made.image.numpy(), pixel, made.yx, training)
            yield DataSet(folder, few_shot_targets.DIAMETER_WPX * pixel)


def _sweeps(root: Path, structures: dict[str, Path]) -> Iterator[DataSet]:
    """Three molecules, of whose conditions one changes, or the diameter that is stated."""
    groups = [(f"{p}@{value}", changed) for p, (_, values) in SWEEPS.items() for value, changed in values]
    for i, name in enumerate(SWEPT):
        wanted = [(_missing(root, f"{group}-{name}"), changed) for group, changed in groups]
        if not any(folder for folder, _ in wanted) and not _missing(root, f"stated@{STATED[-1]}-{name}"):
            continue
        species = make_species(load_structure(structures[name]), 150, _SEED + i)
        pixel = species.diameter_angstrom / _SWEPT_PIXELS

        def exposed(species: Species, pixel: float, seed: int, c: Conditions) -> Simulated:
            return simulate(species, _SWEPT_SHAPE, pixel, c, seed)

        for folder, changed in wanted:
            if folder:
                c = replace(SWEPT_CONDITIONS, **changed)
                made = exposed(species, pixel, _SEED + i, c)
                empty = exposed(species, pixel, _SEED + i, replace(c, signal=0.0))
                _write(folder, name, made.image.numpy(), pixel, made.yx)
                snr = _snr(made.image.numpy(), empty.image.numpy(), made.yx)
                yield DataSet(folder, species.diameter_angstrom, note={"snr": snr})
        base = DataSet(root / f"none-{name}", species.diameter_angstrom)
        made = exposed(species, pixel, _SEED + i, SWEPT_CONDITIONS)
        for factor in STATED:
            if folder := _missing(root, f"stated@{factor}-{name}"):
                _write(folder, name, made.image.numpy(), pixel, made.yx)
                yield replace(base, folder=folder, stated_factor=factor)


def _snr(image: NDArray[np.float32], empty: NDArray[np.float32], yx: NDArray[np.float64]) -> float:
    """Variance of the signal over that of the noise, within half a diameter of the particles' centres."""
    rows, cols = np.ogrid[: image.shape[0], : image.shape[1]]
    near = np.zeros(image.shape, bool)
    for y, x in yx:
        near |= (rows - y) ** 2 + (cols - x) ** 2 < (_SWEPT_PIXELS / 2) ** 2
    return float(np.var((image - empty)[near]) / np.var(empty[near])) if near.any() else float("nan")


def _noise(root: Path) -> Iterator[DataSet]:
    """Images in which nothing is: white and coloured noise."""
    if folder := _missing(root, "noise"):
        rng = np.random.default_rng(_SEED)
        radius = np.hypot(np.fft.fftfreq(_SHAPE[0])[:, None], np.fft.rfftfreq(_SHAPE[1])[None])
        for i, exponent in enumerate((0.0, 0.0, 0.5, 1.0)):
            spectrum = np.fft.rfft2(rng.normal(size=_SHAPE)) / np.maximum(radius, 1 / max(_SHAPE)) ** exponent
            image = np.fft.irfft2(spectrum, s=_SHAPE).astype(np.float32)
            _write(folder, f"noise_{i}", image, 3.6, np.empty((0, 2)))
        yield DataSet(folder, _NOISE_DIAMETER)


def _cost(root: Path) -> Iterator[DataSet]:
    """Noise of several sizes, to be picked at several diameters and by networks with more or fewer heads."""
    sides = {f"size@{side}": (side, 180.0, 1) for side in SIZES}
    sides |= {f"diameter@{diameter}": (_COST_SIDE, float(diameter), 1) for diameter in DIAMETERS}
    sides |= {f"heads@{heads}": (1024, 180.0, heads) for heads in HEAD_COUNTS}
    for name, (side, diameter, heads) in sides.items():
        if folder := _missing(root, name):
            noise = np.random.default_rng(_SEED).normal(0, 20, (side, side)).clip(-127, 127).astype(np.int8)
            for part in _PARTS:
                (folder / part).mkdir(parents=True, exist_ok=True)
            write_mrc(folder / "micrographs" / "noise.mrc", noise, _COST_PIXEL)  # type: ignore[arg-type]
            yield DataSet(folder, diameter, note={"heads": heads})


def _real(root: Path, data: Path) -> Iterator[DataSet]:
    """Micrographs of labelled sets, as links."""
    for name, (diameter, test, training) in REAL.items():
        source = "empiar" + name.removeprefix("empiar").removeprefix("published-")
        folders = data / "micrographs" / source, data / "coordinates" / source
        if all(folder.is_dir() for folder in folders) and (folder := _missing(root, name)):
            for keys, parts in ((test, _PARTS), (training, _TRAINING_PARTS)):
                for key in keys:
                    for part, theirs in zip(parts, folders, strict=True):
                        (found,) = (path for path in theirs.iterdir() if key in path.stem)
                        (folder / part).mkdir(parents=True, exist_ok=True)
                        link = folder / part / found.name
                        link.unlink(missing_ok=True)
                        link.symlink_to(found.resolve())
            yield DataSet(folder, diameter)


def _negatives(root: Path, data: Path) -> Iterator[DataSet]:
    """Images without particles, a set for each kind; how large a particle would be on them is not known."""
    for kind in sorted(path for path in (data / "negatives").glob("*") if any(path.glob("*.png"))):
        if folder := _missing(root, f"negatives-{kind.name}"):
            for part in _PARTS:
                (folder / part).mkdir(parents=True, exist_ok=True)
            for path in sorted(kind.glob("*.png")):
                link = folder / "micrographs" / path.name
                link.unlink(missing_ok=True)
                link.symlink_to(path.resolve())
            yield DataSet(folder, _NEGATIVE_DIAMETER_PX, pixel_size_angstrom=1.0)
