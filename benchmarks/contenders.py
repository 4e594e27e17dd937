"""What is compared: each a way to pick, with all that its picks depend on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.serving import Json, Worker
from benchmarks.sets import DataSet
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.library import bundled_generator, bundled_path
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.few_shot import FewShotParameters

TOPAZ, ASPIRE = "topaz-em 0.3.20", "aspire 0.14.3"
_OURS = [sys.executable, "-m", "benchmarks.ours"]
_FULL_SIZE_PX = 4096  # side of the micrographs that picks were published on, which were upside down
_SHOWN = 8  # digits of a checksum
_BEFORE = frozenset({"empiar10017", "empiar10028", "molecules", "noise"})
HEADS = {"head-1": (1, 1.0), "head-3": (3, 1.0), "head-5": (5, 1.0), "head-3-partial": (3, 0.3)}
"""Micrographs that a head is trained on, and share of their particles that is marked."""
NOT_FOR_SWEEPS = frozenset(
    {"hydra-best", "topaz-u32"}
)  # eight times the cost; no better than the other network


@dataclass(frozen=True)
class Answer:
    """Picks of a set.

    Attributes
    ----------
    variants
        Picks by micrograph, for each of several settings; of most pickers there is one, "".
    seconds
        Of processor time for a micrograph, by variant.
    peak_mb
        Of the process.
    training_seconds
        Of processor time for the head.
    """

    variants: dict[str, dict[str, Picks]]
    seconds: dict[str, float]
    peak_mb: float = float("nan")
    training_seconds: float = 0.0


@dataclass(frozen=True)
class Contender:
    """A way to pick.

    Attributes
    ----------
    name, title
        For the command line and for tables.
    made_with
        What weights or version.
    identity
        With the set and this, all that its picks depend on.
    command
        Of the process that picks; None where there is none, and only kept results can be shown.
    job
        What the process is asked besides micrographs.
    read
        Gives published picks of a set, where no process picks; None for a set of which there are none,
        nothing where they are not at hand.
    is_ours, is_generic
        Whether it is of this package, and whether it is its network without a head.
    has_probabilities
        Whether scores are meant as probabilities.
    """

    name: str
    title: str
    made_with: str
    identity: Json
    command: list[str] | None = None
    job: Json = field(default_factory=dict)
    read: Callable[[DataSet], dict[str, Picks] | None] | None = None
    is_ours: bool = False
    has_probabilities: bool = True

    @property
    def is_head(self) -> bool:
        """Whether it is trained on micrographs of the set."""
        return self.name in HEADS

    def takes(self, one: DataSet) -> bool:
        """Whether it takes part on a set."""
        is_sweep, swept = "@" in one.group, one.group.split("@")[0]
        if self.is_head:
            return one.trains_heads and len(one.micrographs("training")) >= HEADS[self.name][0]
        if self.read is not None:
            return self.read(one) is not None
        if self.name == "apple":  # minutes for each of 4096 x 4096 pixels, and it sees a square alone
            return one.group == "empiar10028"
        if swept == "heads":
            return self.name == "hydra"
        if is_sweep:
            return self.name not in NOT_FOR_SWEEPS
        if one.group == "published":
            return self.name != "hydra-best"
        return True

    def is_at_hand(self, sets: Sequence[DataSet]) -> bool:
        """Whether it can pick these sets here; if not, only what is known of it can be shown."""
        return self.command is not None or (self.read is not None and any(map(self.read, sets)))

    def key(self, one: DataSet) -> str:
        """What its picks of a set depend on, as some digits."""
        facts = {**self.identity, "set": one.fingerprint}
        if self.is_head:
            facts["training"] = one.training_fingerprint
        return hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:16]

    def pick(self, one: DataSet, worker: Worker) -> Answer:
        """Pick a set.

        Raises
        ------
        RuntimeError
            If its process ends.
        """
        if self.read is not None:
            return Answer({"": self.read(one) or {}}, {"": float("nan")})
        wanted = {
            "micrographs": [[str(m.path), m.pixel_size_angstrom] for m in one.micrographs()],
            "diameter": one.stated_angstrom,
            "border": one.border * one.diameter_angstrom,
            "heads": int(one.note["heads"]) if one.group.startswith("heads@") else 0,
        }
        if self.is_head:
            wanted["training"] = self._training(one)
        made = worker.ask({**self.job, **wanted})
        variants = {
            variant: {
                name: Picks(np.array(p["yx"]).reshape(-1, 2), np.array(p["score"]))
                for name, p in some.items()
            }
            for variant, some in made["variants"].items()
        }
        return Answer(variants, made["seconds"], made["peak_mb"], made.get("training_seconds", 0.0))

    def _training(self, one: DataSet) -> list[list[object]]:
        count, _ = HEADS[self.name]
        truth = one.truth("training-truth")
        some = one.micrographs("training")[:count]
        return [[str(m.path), m.pixel_size_angstrom, truth[m.name].yx.tolist()] for m in some]


def checksum(path: Path) -> str:
    """Some digits that stand for a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_SHOWN]


def contenders(
    weights: Path | None = None, topaz_python: str | None = None, aspire_python: str | None = None,
    published: Path | None = None, before: Path | None = None,
) -> list[Contender]:  # fmt: skip
    """All of them, in the order of the tables.

    Parameters
    ----------
    weights
        Our network; the bundled one by default.
    topaz_python
        Interpreter of an environment with Topaz.
    aspire_python
        Of one with ASPIRE, for the APPLE picker.
    published
        Folder with ``cryolo_box/`` and ``topaz_box/`` of EMPIAR-10017.
    before
        Folder of picks of the network of before: SET/MICROGRAPH_autopick.star.
    """
    found = [*_hydra(weights), _before(before), *_cgan()]
    found += [_topaz(units, topaz_python) for units in (64, 32)]
    log = Contender(
        "log", "Laplacian of a Gaussian", "SciPy, scikit-image", {"log": 1}, _OURS, {"kind": "log"},
        has_probabilities=False,
    )  # fmt: skip
    apple = Contender(
        "apple", "APPLE picker", ASPIRE, {"apple": ASPIRE}, _elsewhere(aspire_python, "aspire_peer"),
        has_probabilities=False,
    )  # fmt: skip
    return [*found, log, apple, *(_published(program, published) for program in ("cryolo", "topaz"))]


def _elsewhere(python: str | None, module: str) -> list[str] | None:
    return [python, "-m", f"benchmarks.{module}"] if python else None


def _hydra(weights: Path | None) -> list[Contender]:
    """Our network with its generic head, at its best, and with heads."""
    network = weights or bundled_path()
    body: Json = {"weights": checksum(network)}
    made_with = f"{network.name} {body['weights']}"
    job: Json = {"kind": "hydra", "weights": str(weights) if weights else None}
    settings = asdict(FewShotParameters())
    found = [
        Contender("hydra", "HydraPicker, generic head", made_with, body, _OURS, job, is_ours=True),
        Contender(
            "hydra-best", "HydraPicker, `--quality best`", made_with, {**body, "quality": "best"}, _OURS,
            {**job, "quality": "best"}, is_ours=True,
        ),
    ]  # fmt: skip
    for name, (count, share) in HEADS.items():
        title = f"HydraPicker, head from {count}" + ("" if share == 1 else ", 3 in 10 particles marked")
        identity = {**body, "few_shot": settings, "count": count, "share": share}
        wanted = {**job, "kind": "head", "few_shot": settings, "share": share}
        found.append(Contender(name, title, made_with, identity, _OURS, wanted, is_ours=True))
    return found


def _cgan() -> list[Contender]:
    generator = bundled_generator()
    if generator is None:
        return []
    digest = checksum(generator)
    made_with = f"{generator.name} {digest}"
    return [
        Contender(
            "cgan", "cGAN picker", made_with, {"generator": digest}, _OURS, {"kind": "cgan"}, is_ours=True
        )
    ]


def _topaz(units: int, python: str | None) -> Contender:
    network = f"resnet16_u{units}"
    command = _elsewhere(python, "topaz_peer")
    return Contender(
        f"topaz-u{units}", f"Topaz, `{network}`", TOPAZ, {"topaz": TOPAZ, "network": units}, command,
        {"network": network},
    )  # fmt: skip


def _before(folder: Path | None) -> Contender:
    """Picks that the network of before made, with the pre-processing of its time."""

    def read(one: DataSet) -> dict[str, Picks] | None:
        if one.group not in _BEFORE:
            return None
        files = sorted((folder / one.name).glob("*_autopick.star")) if folder else ()
        return {name: picks for path in files for name, picks in formats.read(path).items()}

    made_with = "the network bundled before November 2026"
    return Contender("before", "before", made_with, {"network": "before"}, read=read, is_ours=True)


def _published(program: str, folder: Path | None) -> Contender:
    """Published picks of EMPIAR-10017, brought to our micrographs' frame; Topaz' are given probabilities."""

    def read(one: DataSet) -> dict[str, Picks] | None:
        if one.group != "published":
            return None
        made = {}
        for micrograph in one.micrographs() if folder else ():
            x, y, width, _, score = np.loadtxt(folder / f"{program}_box" / f"{micrograph.name}.box").T
            yx = np.stack([_FULL_SIZE_PX - (y + width / 2), x + width / 2], axis=1)
            binning = _FULL_SIZE_PX / micrograph.shape[0]
            probability = score if program == "cryolo" else 1 / (1 + np.exp(-score))
            made[micrograph.name] = Picks((yx + 0.5) / binning - 0.5, probability)
        return made

    title = {"cryolo": "crYOLO, published picks", "topaz": "Topaz, published picks"}[program]
    made_with = "picks of EMPIAR-10017 from ccameron/REPIC"
    return Contender(f"published-{program}", title, made_with, {"published": program}, read=read)
