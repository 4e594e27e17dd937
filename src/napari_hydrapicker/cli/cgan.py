"""`hydrapicker cgan train`: train a picker that has seen no particle, on synthetic pairs."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.interruption import training_in
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from napari_hydrapicker.cgan.weights import GeneratorMetadata
    from napari_hydrapicker.training.cgan import CGanProgress
    from napari_hydrapicker.training.cgan_data import PairMaker

cgan = typer.Typer(no_args_is_help=True, help="Make pickers that need no particle images.")


class Loss(StrEnum):
    """The adversarial loss."""

    MEAN_SQUARED = "mean-squared"
    CROSS_ENTROPY = "cross-entropy"


@cgan.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the generator.")],
    micrographs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MICROGRAPH]...",
            help="Micrographs whose particle-free areas become backgrounds; without any they are simulated.",
        ),
    ] = None,
    diameter: Annotated[
        float | None, typer.Option(help="With micrographs: longest diameter of their particles, Angstrom.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    number: Annotated[
        float | None, typer.Option(help="With micrographs: roughly how many particles are on one.")
    ] = None,
    simulated: Annotated[
        float | None, typer.Option(help="With micrographs: share of simulated backgrounds; 0.5.")
    ] = None,
    pairs: Annotated[int, typer.Option(help="Pairs to train on (the paper: 100); 0: ever new ones.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a pair, working pixels (20 a particle).")] = 192,
    loss: Annotated[Loss, typer.Option(help="Adversarial loss.")] = Loss.MEAN_SQUARED,
    steps: Annotated[int | None, typer.Option(help="Optimisation steps.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pairs in a batch.")] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate of the generator.")] = None,
    width: Annotated[int, typer.Option(help="Channels of the generator's outermost layers.")] = 16,
    minutes: Annotated[float, typer.Option(help="Stop, with a checkpoint, after so long.")] = math.inf,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a cGAN picker on synthetic pairs; run the same command again to go on from its checkpoint.

    No particle images are needed. `hydrapicker pick --picker cgan --weights OUT/cgan.safetensors` then picks
    with it.
    """
    _check(micrographs, diameter, pixel_size, number, simulated)
    from rich.console import Console

    from napari_hydrapicker.hydra.device import choose_device
    from napari_hydrapicker.training.cgan import CGanParameters
    from napari_hydrapicker.training.cgan_publish import FILE, make_picker

    def say(text: str) -> None:
        Console().print(text, highlight=False, soft_wrap=True)

    given = {"steps": steps, "batch_size": batch, "learning_rate": rate}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    p = CGanParameters(loss=loss.value, seed=seed, **chosen)
    target = choose_device(device)
    maker = _pair_maker(micrographs or [], diameter, pixel_size, number, simulated, size)
    background = counted(len(maker.patches), "micrograph") if maker.patches else "simulated noise"
    number_of_pairs = counted(pairs, "pair") if pairs else "ever new pairs"
    say(f"backgrounds: {background}; {number_of_pairs} of {size} x {size}")
    with training_in(out):
        meta = make_picker(maker, out, p, pairs, width, target, lambda now: say(_line(now)), minutes=minutes)
    if meta is not None:
        say(_summary(meta))
        say(f"generator written to {out / FILE}")


def _check(
    micrographs: list[str] | None,
    diameter: float | None,
    pixel_size: float | None,
    number: float | None,
    simulated: float | None,
) -> None:
    of_micrographs = {
        "--diameter": diameter, "--pixel-size": pixel_size, "--number": number, "--simulated": simulated
    }  # fmt: skip
    for option, value in of_micrographs.items():
        if value is not None and not micrographs:
            raise ParameterError(f"{option}: only with micrographs; leave it out")
        if value is not None and option != "--simulated" and not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{option} {value:g}: give a positive number")
    if micrographs and diameter is None:
        raise ParameterError(
            "with micrographs give --diameter too, the longest of their particles in Angstrom"
        )
    if simulated is not None and not 0 <= simulated <= 1:
        raise ParameterError(f"--simulated {simulated:g}: give a share from 0 to 1")


def _pair_maker(
    patterns: list[str],
    diameter: float | None,
    pixel_size: float | None,
    number: float | None,
    simulated: float | None,
    size: int,
) -> PairMaker:
    from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
    from napari_hydrapicker.cli.inputs import doubt_pixel_size
    from napari_hydrapicker.io.find import find_micrographs
    from napari_hydrapicker.io.micrograph import open_micrographs
    from napari_hydrapicker.training.cgan_data import PairMaker, particle_free, typical_shape, varied

    if not patterns or diameter is None:
        return PairMaker(varied(SynthesisParameters.for_particles()), size)
    opened = [one for path in find_micrographs(patterns) for one in open_micrographs(path)]
    doubt_pixel_size(opened, pixel_size)
    shape = typical_shape(opened, diameter, pixel_size)
    ranges = SynthesisParameters.for_particles(number=number, shape_wpx=shape)
    patches = particle_free(opened, diameter, pixel_size)
    return PairMaker(varied(ranges), size, patches, 0.5 if simulated is None else simulated)


def _line(now: CGanProgress) -> str:
    return (
        f"step {now.step}/{now.steps}  discriminator {now.discriminator:.3f}  "
        f"generator {now.adversarial:.3f}  data {now.data:.4f}  {now.seconds:.0f} s"
    )


def _summary(meta: GeneratorMetadata) -> str:
    figures = meta.training["held_out"]
    if not isinstance(figures, dict) or not figures:
        return "held-out pairs: no particle was found; train longer"
    return "held-out pairs: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
