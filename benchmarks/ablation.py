"""What each part of the training data is worth on held-out images: trainings of equal, short length.

Run as ``python benchmarks/ablation.py --structures FOLDER --real NAME:MICROGRAPHS:COORDINATES:DIAMETER
--held-out NAMES --backgrounds FOLDER``, all repeatable but the names. In every variant but the first one part
is left out or changed. Every variant starts from the same weights, sees as many crops, drawn with the same
seeds, and is validated on the same images. The table gives the AP (box IoU > 0.6) of each validation set. The
trainings are far shorter than the bundled network's: compare rows with one another only. With ``--results`` a
file keeps the rows, and a run that was broken off goes on from it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_hydrapicker.cli.train import names_in, real_set
from napari_hydrapicker.hydra.network import Architecture, HydraPicker
from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions, draw_wide_conditions
from napari_hydrapicker.training.assembly import TrainingData, assemble
from napari_hydrapicker.training.data_sets import load_backgrounds, load_clouds, with_micelles
from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head
from napari_hydrapicker.training.sources import RealSource, SimulatedSource, Source

DIRT = ("blobs", "crystals", "fragments", "specks", "beads", "filaments", "aggregates", "ice", "cracks")
PROCESSING = ("smoothing_wpx", "grey_levels", "lowpass_wpx", "highpass_wpx", "cutoff", "multiplicative")


@dataclass(frozen=True)
class Variant:
    """A way to make training data.

    Attributes
    ----------
    name
        Of the row.
    conditions
        Values that are taken for all simulated micrographs.
    narrow
        Ranges (low, high) that conditions are clipped to.
    usual
        Whether the usual conditions are drawn, not the wide ones.
    simulated, real
        Changes of the sources.
    without
        What the names of molecules that are left out end in.
    real_share
        Share of the batches from real micrographs.
    """

    name: str
    conditions: dict[str, Any] = field(default_factory=dict)
    narrow: dict[str, tuple[float, float]] = field(default_factory=dict)
    usual: bool = False
    simulated: dict[str, Any] = field(default_factory=dict)
    real: dict[str, Any] = field(default_factory=dict)
    without: str = ""
    real_share: float = 0.3

    def draw(self, rng: np.random.Generator) -> Conditions:
        """Draw conditions, then change what this variant leaves out."""
        drawn = draw_conditions(rng) if self.usual else draw_wide_conditions(rng)
        clipped = {
            name: float(np.clip(getattr(drawn, name), *limits)) for name, limits in self.narrow.items()
        }
        return replace(drawn, **clipped, **self.conditions)

    def source(self, source: Source) -> Source:
        """Return a source as this variant has it."""
        if isinstance(source, SimulatedSource):
            return replace(source, conditions=self.draw, **self.simulated)
        assert isinstance(source, RealSource)
        return replace(source, **self.real)

    def weights(self, data: TrainingData) -> list[float]:
        """How often each source is drawn."""
        kept = [not (self.without and source.name.endswith(self.without)) for source in data.sources]
        simulated = [isinstance(source, SimulatedSource) for source in data.sources]
        n_simulated = sum(k for k, s in zip(kept, simulated, strict=True) if s)
        n_real = len(data.real)
        shares = {True: (1 - self.real_share) / n_simulated, False: self.real_share / max(1, n_real)}
        return [shares[s] * k for k, s in zip(kept, simulated, strict=True)]


VARIANTS = (
    Variant("as trained"),
    Variant("the usual conditions", usual=True),
    Variant("contrast as usual", narrow={"signal": (0.3, 1.6)}),
    Variant("no real noise", simulated={"real_noise": 0.0}),
    Variant("no dirt", conditions=dict.fromkeys(DIRT, 0.0)),
    Variant("no carbon", conditions={"carbon": 0.0, "film": 0.0}),
    Variant("no processing", conditions=dict.fromkeys(PROCESSING, 0.0) | {"median": False}),
    Variant("no stain, nothing inverted", conditions={"stain": False, "inverted": False}),
    Variant("never empty", narrow={"density": (0.05, 2.0)}),
    Variant("defocus as usual", narrow={"defocus_um": (0.3, 4.0), "envelope_angstrom2": (50, 1500)}),
    Variant("no crowding", narrow={"spacing": (0.8, 1.1), "clustering": (0.0, 0.2)}),
    Variant("no masks looked for", simulated={"masked": 0.0}),
    Variant("no micelles", without="-micelle"),
    Variant("no jitter of real micrographs", real={"jitter": False}),
    Variant("simulated alone", real_share=0.0),
)


def train(variant: Variant, data: TrainingData, arguments: argparse.Namespace) -> dict[str, float]:
    """Train a network anew on a variant's data; returns the last APs."""
    torch.manual_seed(arguments.seed)
    p = SingleHeadParameters(steps=arguments.steps, validate_every=arguments.steps, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        reported: list[Progress] = []
        say: Callable[[Progress], None] = lambda now: print(f"  {now.step}: {now.loss:.2f}", flush=True)  # noqa: E731
        train_single_head(
            HydraPicker(Architecture.compact()), [variant.source(one) for one in data.sources],
            variant.weights(data), data.validation, Path(folder), p,
            say if arguments.processes > 1 else reported.append, processes=arguments.processes,
        )  # fmt: skip
        log = (Path(folder) / "log.csv").read_text().splitlines()
    names, values = (line.split(",") for line in (log[0], log[-1]))
    return {
        n.removeprefix("ap_"): float(v) for n, v in zip(names, values, strict=True) if n.startswith("ap_")
    }


def main() -> None:
    """Train every variant, and print a row for each as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--structures", type=Path, action="append", required=True)
    parser.add_argument("--real", action="append", default=[])
    parser.add_argument("--backgrounds", type=Path, action="append", default=[])
    parser.add_argument("--held-out", default="", help="structures and micrographs, comma separated")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", help="variants, separated by semicolons")
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    held = names_in(arguments.held_out)
    clouds = load_clouds(arguments.structures, 60)
    clouds += with_micelles([one for one in clouds if one.name not in held])
    real = [real_set(text) for text in arguments.real]
    data = assemble(
        clouds,
        100,
        real,
        0.3,
        held,
        arguments.seed,
        wide=True,
        backgrounds=load_backgrounds(arguments.backgrounds),
    )
    kept: Path | None = arguments.results
    known = json.loads(kept.read_text()) if kept and kept.exists() else {}
    for variant in VARIANTS:
        if arguments.only and variant.name not in arguments.only.split(";"):
            continue
        if variant.name not in known:
            begun = time.monotonic()
            known[variant.name] = train(variant, data, arguments)
            print(f"{variant.name}: {time.monotonic() - begun:.0f} s", flush=True)
            if kept:
                kept.write_text(json.dumps(known, indent=2) + "\n")
        figures = known[variant.name]
        print(
            f"| {variant.name} | " + " | ".join(f"{value:.3f}" for value in figures.values()) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
