"""``hydrapicker train``: phase 1, one generic head on many data sets; phase 2, a head for each of them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.interruption import training_in
from napari_hydrapicker.cli.training_settings import changes, remember
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.head_record import FIRST_BLOCKS
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    import torch

    from napari_hydrapicker.hydra.network import Blocks, HydraPicker
    from napari_hydrapicker.training.assembly import RealSet

HELD_OUT = "1oel,1aon,2cg9,4v6x,4v7r,3sn6,6utj,1wcm"


def check_numbers(given: dict[str, Any], procedural: int, views: int, minutes: float) -> None:
    """Refuse numbers out of their range; `given` holds the trainings' parameters by name.

    Raises
    ------
    ParameterError
        If there is one.
    """
    least = {"steps": 1, "batch_size": 1, "crop_wpx": 48, "validate_every": 1, "cooldown_steps": 0, "seed": 0}
    options = {"batch_size": "batch", "crop_wpx": "crop", "cooldown_steps": "cooldown"}
    numbers = [(options.get(name, name), given[name], lowest) for name, lowest in least.items()]
    for name, value, lowest in (*numbers, ("procedural", procedural, 0), ("views", views, 1)):
        if value is not None and value < lowest:
            raise ParameterError(f"--{name.replace('_', '-')} {value}: give {lowest} or more")
    rate, weight = given["learning_rate"], given["lambda_bias"]
    if not minutes > 0:
        raise ParameterError(f"--minutes {minutes:g}: give a number above 0")
    if rate is not None and not 0 < rate < math.inf:
        raise ParameterError(f"--rate {rate:g}: give a number above 0")
    if weight is not None and not 0 <= weight < math.inf:
        raise ParameterError(f"--lambda-bias {weight:g}: give 0 or more")


def check_phase(multi: bool, init: Path | None, misplaced: dict[str, Any]) -> None:
    """Refuse options of the other phase, and phase 2 without a network to start from.

    Raises
    ------
    ParameterError
        If there is one, or there is none.
    """
    for name, value in misplaced.items():
        if value is not None:
            option = "--" + {"cooldown_steps": "cooldown"}.get(name, name).replace("_", "-")
            raise ParameterError(
                f"{option}: not for --phase {'multi' if multi else 'single'}-head; leave it out"
            )
    if multi and init is None:
        raise ParameterError("--phase multi-head: give --init NETWORK, made with --phase single-head")


def check_files(out: Path, init: Path | None) -> None:
    """Refuse a network to start from, or a folder, before minutes are spent on making data.

    Raises
    ------
    WeightsError
        If the network's file is none of ours or is damaged.
    ParameterError
        If the folder cannot be written.
    """
    from napari_hydrapicker.hydra.weights import read_metadata

    if init is not None:
        read_metadata(init)
    there = next((place for place in (out, *out.parents) if place.exists()), out)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ParameterError(f"--out {out}: cannot be written; choose another folder")


def names_in(text: str) -> list[str]:
    """Return the names in a list that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def shared_heads(texts: Sequence[str]) -> dict[str, list[str]]:
    """Read some HEAD=STRUCTURE,STRUCTURE: heads, and the structures that share each.

    Raises
    ------
    ParameterError
        If a head or its structures are missing, or one is there twice.
    """
    groups: dict[str, list[str]] = {}
    for text in texts:
        head, _, members = (part.strip() for part in text.partition("="))
        if not (head and names_in(members)):
            raise ParameterError(f"--group {text}: give HEAD=STRUCTURE,STRUCTURE")
        if head in groups:
            raise ParameterError(f"--group {text}: {head!r} is there twice; name all its structures at once")
        for member in names_in(members):
            if any(member in others for others in groups.values()):
                raise ParameterError(f"--group {text}: {member!r} has a head already; give it one")
        groups[head] = names_in(members)
    return groups


def real_set(text: str) -> RealSet:
    """Read NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX], a labelled data set; lengths in Angstrom.

    Raises
    ------
    ParameterError
        If a part is missing, or a number is none.
    """
    from napari_hydrapicker.training.assembly import RealSet

    try:
        name, micrographs, coordinates, diameter, *shift = text.split(":")
        dy, dx = map(float, shift[0].split(",")) if shift else (0.0, 0.0)
        return RealSet(name, micrographs, Path(coordinates), float(diameter), (dy, dx))
    except ValueError:
        raise ParameterError(f"--real {text}: give NAME:MICROGRAPHS:COORDINATES:DIAMETER[:DY,DX]") from None


class Phase(StrEnum):
    """Which training."""

    SINGLE_HEAD = "single-head"
    MULTI_HEAD = "multi-head"


class Optimiser(StrEnum):
    """How the heads are descended."""

    ADAM = "adam"
    SGD = "sgd"


class Network(StrEnum):
    """Which architecture."""

    COMPACT = "compact"
    THESIS = "thesis"


class ConditionRange(StrEnum):
    """Ranges that the conditions of simulated micrographs are drawn from."""

    WIDE = "wide"
    USUAL = "usual"


class BiasForm(StrEnum):
    """Form of the bias loss."""

    NORM = "norm"
    SQUARED = "squared"


def train(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the network.")],
    phase: Annotated[
        Phase,
        typer.Option(help="One generic head, or from such a network (--init) a head for each data set."),
    ] = Phase.SINGLE_HEAD,
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
    steps: Annotated[
        int | None, typer.Option(help="Optimisation steps; 20000, or 4000 for multi-head.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Crops in a batch.")] = 4,
    crop: Annotated[int, typer.Option(help="Side of a crop in working pixels.")] = 192,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate; 0.001, or 0.0001 for multi-head.")
    ] = None,
    cooldown: Annotated[
        int | None, typer.Option(help="Single-head: last steps, over which the rate falls to 0; 1000.")
    ] = None,
    optimiser: Annotated[
        Optimiser | None, typer.Option(help="Multi-head: adam (default), or sgd as in the thesis.")
    ] = None,
    lambda_bias: Annotated[
        float | None, typer.Option(help="Multi-head: weight of the bias loss; 0.1.")
    ] = None,
    bias_form: Annotated[
        BiasForm | None, typer.Option(help="Multi-head: distance of the heads, or its square.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Multi-head: structures that share a head, as HEAD=STRUCTURE,STRUCTURE; repeatable."
        ),
    ] = None,
    keep_heads: Annotated[
        str | None, typer.Option(help="Multi-head: heads to write, comma separated; all by default.")
    ] = None,
    validate_every: Annotated[int, typer.Option(help="Steps between validations.")] = 500,
    network: Annotated[
        Network | None, typer.Option(help="Without --init: compact (default), or the thesis' own.")
    ] = None,
    blocks: Annotated[
        str | None,
        typer.Option(
            help="Residual blocks of the compact network at 1/2, 1/4 and 1/8 of the resolution, such as "
            "1,5,3; with --init as many as it has, or more: it answers as before at first."
        ),
    ] = None,
    conditions: Annotated[
        ConditionRange, typer.Option(help="Ranges of the simulated conditions: wide, or the usual ones.")
    ] = ConditionRange.WIDE,
    micelles: Annotated[
        bool, typer.Option(help="Add the smaller structures once more, in a belt of detergent.")
    ] = True,
    backgrounds: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of particle-free images to simulate particles in; repeatable."),
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Processes that share every batch: one a core, or with cuda one a GPU.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(help="Single-head: processes that make batches ahead, best with a GPU.")
    ] = 0,
    minutes: Annotated[float, typer.Option(help="Stop, with a checkpoint, after so long.")] = math.inf,
    init: Annotated[Path | None, typer.Option(help="Network to start from.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a network; run the same command again to go on from its checkpoint."""
    from rich.console import Console

    from napari_hydrapicker.training.assembly import assemble
    from napari_hydrapicker.training.data_sets import load_backgrounds, load_clouds, with_micelles
    from napari_hydrapicker.training.phases import Run
    from napari_hydrapicker.training.publish import publish

    console = Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    of_both = {
        "steps": steps, "batch_size": batch, "crop_wpx": crop, "learning_rate": rate,
        "validate_every": validate_every, "seed": seed,
    }  # fmt: skip
    of_single = {"cooldown_steps": cooldown}
    of_multi = {
        "lambda_bias": lambda_bias, "bias_form": bias_form.value if bias_form else None,
        "optimiser": optimiser.value if optimiser else None,
    }  # fmt: skip
    check_numbers(of_both | of_single | of_multi, procedural, views, minutes)
    multi = phase is Phase.MULTI_HEAD
    if init is not None and network is not None:
        raise ParameterError("--network: not with --init, whose architecture stays; leave it out")
    check_phase(multi, init, of_single if multi else of_multi | {"keep_heads": keep_heads, "group": group})
    held, asked = names_in(held_out), three_blocks(blocks)
    real_sets = [real_set(text) for text in real or []]
    groups = shared_heads(group or [])
    check_files(out, init)
    clouds = load_clouds(structures or [], procedural)
    if micelles and conditions is ConditionRange.WIDE:
        clouds += with_micelles([one for one in clouds if one.name not in held])
    empty = load_backgrounds(backgrounds or [])
    given = {k: v for k, v in (of_both | (of_multi if multi else of_single)).items() if v is not None}
    if init is not None and not multi:
        given["trusted_from"] = 0  # a trained network knows particles that nobody has labelled
    with training_in(out):
        wide = conditions is ConditionRange.WIDE
        data = assemble(clouds, views, real_sets, real_share, held, seed, groups, wide, empty)
        say(
            f"{counted(len(data.sources), 'data set')} ({len(data.real)} real), "
            f"{counted(len(data.unseen), 'validation image')}"
        )
        about: dict[str, Any] = {
            "phase": phase.value, "simulated": data.simulated, "held_out": held, "real": data.real,
            "groups": groups, "conditions": conditions.value, "backgrounds": len(empty),
        }  # fmt: skip
        settings = about | {"views": views, "real_share": real_share, "init": init and str(init)} | given
        if asked:
            settings["blocks"] = list(asked)
        earlier = remember(out, settings)
        if earlier:
            say(f"the checkpoint was made with other settings: {changes(earlier[-1], settings)}")
        chosen = _device(device, processes)
        start = _start(init, network, asked, seed)
        if processes == 1:
            start = start.to(chosen)
        run = Run(start, data, out, minutes, say, processes, workers, chosen)
        kept = data.heads if keep_heads is None else names_in(keep_heads)
        trained = run.multi_head(kept, **given) if multi else run.single_head(**given)
        path = out / "network.safetensors"
        about |= {"parameters": trained.parameters, "earlier": earlier}
        publish(trained.model, trained.validation, path, about, data.complete())
    say(f"network written to {path}")


def _device(name: str, processes: int) -> torch.device:
    """What is computed on; several processes are not forked from one that has begun to use a GPU."""
    if processes > 1:
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # to look for one is to begin, else
    from napari_hydrapicker.hydra.device import choose_device

    return choose_device(name)


def three_blocks(text: str | None) -> Blocks | None:
    """Read the numbers of residual blocks at the three resolutions, N,N,N.

    Raises
    ------
    ParameterError
        If they are no such numbers.
    """
    if text is None:
        return None
    try:
        half, quarter, eighth = map(int, text.split(","))
    except ValueError:
        half = quarter = eighth = 0
    if not 1 <= min(half, quarter, eighth) <= max(half, quarter, eighth) <= 32:
        raise ParameterError(f"--blocks {text}: give three numbers from 1 to 32, such as 1,5,3")
    return half, quarter, eighth


def _start(init: Path | None, network: Network | None, blocks: Blocks | None, seed: int) -> HydraPicker:
    """The network to start from, with the generic head alone: phase 2 starts all heads from it."""
    import torch

    from napari_hydrapicker.hydra import network as model
    from napari_hydrapicker.hydra.weights import load

    torch.manual_seed(seed)
    if init is not None:
        made = load(init, [])[0]
        return made.deeper(blocks) if blocks else made
    if network is Network.THESIS:
        if blocks:
            raise ParameterError("--blocks: not with --network thesis, whose depth is fixed; leave it out")
        return model.HydraPicker(model.Architecture())
    return model.HydraPicker(model.Architecture.compact(blocks=blocks or FIRST_BLOCKS))
