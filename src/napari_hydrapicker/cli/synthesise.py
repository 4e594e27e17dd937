"""`hydrapicker synthesise`: training pairs for the cGAN picker, to look at or to train with elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.simulate import check_seed, parse_shape, write_mrc
from napari_hydrapicker.cli.synthetic_backgrounds import Scale, free_patches_of
from napari_hydrapicker.errors import ParameterError

if TYPE_CHECKING:
    from napari_hydrapicker.gan.background import Patch
    from napari_hydrapicker.gan.synthesis import Pair
    from napari_hydrapicker.gan.synthesis_parameters import SynthesisParameters

_ON_SHEET = 6
_SHEET = "sheet.png"
_OPTIONS = {"diameter_cpx": "sizes", "smoothing_cpx": "smoothing"}  # where named otherwise than the parameter


def synthesise(
    out: Annotated[Path, typer.Option(help="Folder for pairs (MRC), centres (STAR) and a picture of them.")],
    count: Annotated[int, typer.Option(help="Number of pairs.")] = 10,
    micrographs: Annotated[
        list[str] | None,
        typer.Option(help="Backgrounds are what is free of particles on these: file, folder or pattern."),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="MICROGRAPH", show_default=False)] = None,
    empty: Annotated[
        list[str] | None, typer.Option(help="The same, with no particles anywhere: all of them serves.")
    ] = None,
    diameter: Annotated[
        float | None, typer.Option(help="The particle's longest diameter, Angstrom: sets the scale.")
    ] = None,
    diameter_px: Annotated[
        float | None, typer.Option(help="The same in pixels of the micrographs, in place of --diameter.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Angstrom per pixel; default: what the files state.")
    ] = None,
    number: Annotated[
        float | None, typer.Option(help="Particles on a micrograph, roughly. Default: from few to dense.")
    ] = None,
    coverage: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="In its place: area of shapes over the image's.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Diameters of shapes, pixels; a particle's is 20.")
    ] = None,
    fade: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Depth of shapes, grey levels from 0 to 1.")
    ] = None,
    steps: Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="Steps of the random walks.")] = None,
    variation: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Factors on the diameter within one image.")
    ] = None,
    smoothing: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="Blur of the shapes, pixels; none by default.")
    ] = None,
    marker: Annotated[int | None, typer.Option(help="Side of the black squares, pixels.")] = None,
    shape: Annotated[str, typer.Option(metavar="ROWSxCOLS", help="Size of the images, pixels.")] = "512x512",
    seed: Annotated[int, typer.Option(help="The same seed gives the same pairs.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Make training pairs of random shapes on backgrounds without particles.

    Writes synthetic_0001.mrc with the shapes' centres in synthetic_0001_autopick.star, the same image with
    black marks as truth/synthetic_0001.mrc, and so on; and sheet.png, to look at. Without micrographs the
    backgrounds are simulated noise.
    """
    if not 1 <= count <= 9999:
        raise ParameterError(f"--count {count}: give a number from 1 to 9999")
    check_seed("--seed", seed)
    rows_cols = parse_shape(shape)
    if number is not None and coverage is not None:
        raise ParameterError("give --number or --coverage, not both")
    texts = {
        "coverage": coverage, "diameter_cpx": sizes, "fade": fade, "steps": steps, "variation": variation,
        "smoothing_cpx": smoothing,
    }  # fmt: skip
    given: dict[str, Any] = {name: _range(name, text) for name, text in texts.items() if text is not None}
    if marker is not None:
        given["marker_cpx"] = marker
    scale = Scale(diameter, diameter_px, pixel_size)
    with_particles = [*(micrographs or []), *(more or [])]
    scale.check(bool(with_particles or empty))
    names = [f"synthetic_{i + 1:04d}" for i in range(count)]
    _check_outputs(names, out, overwrite)

    # Not before the arguments are known to make sense: torch and scikit-image take seconds to load.
    from napari_hydrapicker.gan.canvas import CANVAS_DIAMETER_CPX
    from napari_hydrapicker.gan.sheet import draw_sheet
    from napari_hydrapicker.gan.synthesis_parameters import SynthesisParameters

    free, typical_shape = free_patches_of(with_particles, scale, known_empty=False)
    wholly_free, other_shape = free_patches_of(empty or [], scale, known_empty=True)
    canvas = typical_shape or other_shape or rows_cols
    ranges = replace(SynthesisParameters.for_particles(CANVAS_DIAMETER_CPX, number, canvas), **given)
    patches = free + wholly_free if with_particles or empty else None
    shown: list[Pair] = []
    for name, pair in zip(names, _pairs(patches, rows_cols, ranges, seed), strict=False):
        _write(pair, name, out, scale.canvas_pixel_angstrom, overwrite)
        shown += [pair] if len(shown) < _ON_SHEET else []
    draw_sheet(shown, out / _SHEET)
    typer.echo(f"{out / _SHEET}: {len(shown)} of {count} pairs, to look at")


def _range(name: str, text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ParameterError(
            f"--{_OPTIONS.get(name, name)} {text}: give two numbers LOW,HIGH, such as 0.1,0.5"
        ) from None
    return low, high


def _check_outputs(names: Sequence[str], out: Path, overwrite: bool) -> None:
    """Refuse before the work, not after it."""
    files = [file for name in names for file in (out / f"{name}.mrc", out / f"{name}_autopick.star")]
    files += [*(out / "truth" / f"{name}.mrc" for name in names), out / _SHEET]
    existing = next((file for file in files if file.exists()), None)
    if existing and not overwrite:
        raise ParameterError(f"{existing} exists; give --overwrite to replace it, or another --out")


def _pairs(
    patches: list[Patch] | None, shape: tuple[int, int], ranges: SynthesisParameters, seed: int
) -> Iterator[Pair]:
    """Pairs without end, each from its own generator: more of them leave the first ones as they were."""
    import numpy as np

    from napari_hydrapicker.gan.background import mosaic
    from napari_hydrapicker.gan.simulated_background import simulated_background
    from napari_hydrapicker.gan.synthesis import synthesise_pair

    i = 0
    while True:
        rng = np.random.default_rng((seed, i))
        background = simulated_background(shape, rng) if patches is None else mosaic(patches, shape, rng)
        yield synthesise_pair(background, rng, ranges)
        i += 1


def _write(pair: Pair, name: str, out: Path, pixel_angstrom: float, overwrite: bool) -> None:
    import numpy as np

    from napari_hydrapicker import formats
    from napari_hydrapicker.picks import Picks, Source

    diameter = float(pair.sizes_px.mean()) if len(pair.yx) else None
    imported = np.full(len(pair.yx), Source.IMPORTED, np.int8)
    centres = Picks(pair.yx, source=imported, diameter_px=diameter)
    write_mrc(out / f"{name}.mrc", pair.image, pixel_angstrom)
    write_mrc(out / "truth" / f"{name}.mrc", pair.truth, pixel_angstrom)
    formats.write({name: centres}, out, "star", overwrite=overwrite)
    typer.echo(f"{out / name}.mrc: {len(centres)} shapes")
