"""``hydrapicker train``: phase 1, one generic head on many data sets."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_hydrapicker.errors import ParameterError

HELD_OUT = "1oel,1aon,2cg9,4v6x,4v7r,3sn6,6utj,1wcm"


def _real(text: str) -> tuple[str, str, Path, float, tuple[float, float]]:
    try:
        name, micrographs, coordinates, diameter, *shift = text.split(":")
        dy, dx = map(float, shift[0].split(",")) if shift else (0.0, 0.0)
        return name, micrographs, Path(coordinates), float(diameter), (dy, dx)
    except ValueError:
        raise ParameterError(f"--real {text}: give NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX]") from None


def train(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the network.")],
    structures: Annotated[
        list[Path] | None, typer.Option(help="Structure file or folder (PDB, mmCIF, MRC, npz); repeatable.")
    ] = None,
    procedural: Annotated[int, typer.Option(help="Procedural complexes to add.")] = 20,
    views: Annotated[int, typer.Option(help="Projections of each structure.")] = 200,
    real: Annotated[
        list[str] | None,
        typer.Option(
            help="Labelled data set as NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX], repeatable; Angstrom. "
            "DY,DX is added to its labels."
        ),
    ] = None,
    real_share: Annotated[float, typer.Option(help="Share of batches from labelled micrographs.")] = 0.5,
    held_out: Annotated[
        str, typer.Option(help="Structures and micrographs kept for validation, by name, comma separated.")
    ] = HELD_OUT,
    steps: Annotated[int, typer.Option(help="Optimisation steps.")] = 20000,
    batch: Annotated[int, typer.Option(help="Crops in a batch.")] = 4,
    crop: Annotated[int, typer.Option(help="Side of a crop in working pixels.")] = 368,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    cycle: Annotated[int, typer.Option(help="Steps of a cosine cycle; 0 for one cycle.")] = 0,
    validate_every: Annotated[int, typer.Option(help="Steps between validations.")] = 250,
    minutes: Annotated[float, typer.Option(help="Stop, with a checkpoint, after so long.")] = math.inf,
    init: Annotated[Path | None, typer.Option(help="Network to start from.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train the generic network; run the same command again to go on from its checkpoint."""
    from rich.console import Console

    from napari_hydrapicker.training import data_sets
    from napari_hydrapicker.training.single_head import Progress, SingleHeadParameters, train_single_head

    console = Console()
    names = [n.strip() for n in held_out.split(",") if n.strip()]
    clouds = data_sets.load_clouds(structures or [], procedural)
    made, held = data_sets.simulated_sources(clouds, views, names, seed)
    sources: list[Any] = list(made)
    shares = [1 / len(sources)] * len(sources)
    simulated = [s.name for s in made]
    checks = data_sets.validation_crops(held, 2, 256, seed=99)
    real_sets = [_real(text) for text in real or []]
    for name, micrographs, coordinates, diameter, shift in real_sets:
        images = data_sets.labelled_micrographs([micrographs], coordinates, diameter, shift)
        source, whole = data_sets.real_source(name, images, names)
        sources.append(source)
        shares.append(real_share / (1 - real_share) / len(real_sets))
        checks += whole
    console.print(f"{len(sources)} data sets ({len(real_sets)} real), {len(checks)} validation images")

    def report(p: Progress) -> None:
        ap = "" if p.validation_ap is None else f"  validation AP {p.validation_ap:.3f}"
        console.print(
            f"step {p.step}/{p.steps}  loss {p.loss:.3f} (localisation {p.localisation:.3f})"
            f"  {p.seconds:.0f} s{ap}",
            highlight=False,
        )

    parameters = SingleHeadParameters(
        steps=steps, batch_size=batch, crop_wpx=crop, learning_rate=rate, cycle_steps=cycle,
        validate_every=validate_every, seed=seed,
    )  # fmt: skip
    model = _start(init, device, seed)
    best = train_single_head(model, sources, shares, checks, out, parameters, report, minutes=minutes)
    provenance = {
        "phase": "single-head", "simulated": simulated, "held_out": names,
        "real": [name for name, *_ in real_sets], "crop_wpx": crop, "batch": batch, "seed": seed,
    }  # fmt: skip
    path = _write(best, checks, out, provenance)
    console.print(f"network written to {path}")


def _start(init: Path | None, device: str, seed: int) -> Any:
    import torch

    from napari_hydrapicker.hydra.model import HydraPicker
    from napari_hydrapicker.hydra.weights import load
    from napari_hydrapicker.picking.device import choose_device

    torch.manual_seed(seed)
    model = load(init)[0] if init else HydraPicker()
    return model.to(choose_device(device))


def _write(model: Any, checks: Any, out: Path, provenance: dict[str, Any]) -> Path:
    """Calibrate on the validation images, choose the threshold of best F1, and save."""
    from napari_hydrapicker.evaluation.curves import best_f1
    from napari_hydrapicker.hydra.metadata import Metadata
    from napari_hydrapicker.hydra.weights import save
    from napari_hydrapicker.training.sources import WHITEN_STRENGTH
    from napari_hydrapicker.training.validation import calibrate, pooled, probability

    logits, truth, total = pooled(model, checks)
    a, b = calibrate(logits, truth)
    found = best_f1(probability(logits, a, b), truth, total).threshold if truth.any() else 0.5
    meta = Metadata(
        calibration={"generic": (a, b)}, thresholds={"generic": float(min(max(found, 0.05), 0.95))},
        preprocessing={"whiten": WHITEN_STRENGTH}, training=provenance,
    )  # fmt: skip
    path = out / "network.safetensors"
    save(model.cpu().float(), path, meta)
    return path
