"""`hydrapicker synthesise`: training pairs for the cGAN picker, to look at or to train with elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_hydrapicker.cli.simulate import check_seed, parse_shape, write_mrc
from napari_hydrapicker.errors import HydraPickerError, ParameterError
from napari_hydrapicker.wording import counted

if TYPE_CHECKING:
    from napari_hydrapicker.cgan.background import Patch
    from napari_hydrapicker.cgan.synthesis import Pair
    from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
    from napari_hydrapicker.io.micrograph import Micrograph


_MOST_MICROGRAPHS = 40  # more add little to the backgrounds

_ON_SHEET = 6
_SHEET = "sheet.png"
_OPTIONS = {
    "diameter_wpx": "sizes",
    "contrast": "depth",
    "smoothing_wpx": "smoothing",
}  # where named otherwise than the parameter


@dataclass(frozen=True)
class Scale:
    """The particle's diameter as it was given, and what it means on each micrograph.

    Attributes
    ----------
    diameter_angstrom, diameter_px
        Longest diameter, in Angstrom or in pixels of the micrographs.
    pixel_angstrom
        Pixel size that overrides what the files state, Angstrom.
    """

    diameter_angstrom: float | None
    diameter_px: float | None
    pixel_angstrom: float | None

    def check(self, has_micrographs: bool) -> None:
        """Refuse lengths that make no sense, or that have no micrographs to refer to.

        Raises
        ------
        ParameterError
            Naming the option.
        """
        named = {
            "--diameter": self.diameter_angstrom, "--diameter-px": self.diameter_px,
            "--pixel-size": self.pixel_angstrom,
        }  # fmt: skip
        for option, value in named.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{option} {value:g}: give a positive number")
            if value is not None and not has_micrographs:
                raise ParameterError(
                    f"{option}: only with micrographs; simulated backgrounds have particles of 20 pixels"
                )
        if has_micrographs and (self.diameter_angstrom is None) == (self.diameter_px is None):
            raise ParameterError("backgrounds from micrographs need one of --diameter and --diameter-px")

    def on(self, micrograph: Micrograph) -> float:
        """Diameter in pixels of a micrograph.

        Raises
        ------
        ParameterError
            If no pixel size is known.
        """
        if self.diameter_px is not None:
            return self.diameter_px
        pixel = self.pixel_angstrom or micrograph.pixel_size_angstrom
        if pixel is None:
            raise ParameterError(
                f"{micrograph.path}: {micrograph.why_no_pixel_size()}; give --pixel-size or --diameter-px"
            )
        return (self.diameter_angstrom or math.nan) / pixel

    @property
    def working_pixel_angstrom(self) -> float:
        """Pixel size of the pairs; 0, which stands for unknown in MRC files, without a size in Angstrom."""
        from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX

        diameter = self.diameter_angstrom or (self.diameter_px or 0) * (self.pixel_angstrom or 0)
        return diameter / CGAN_DIAMETER_WPX


def free_patches_of(
    paths: Sequence[str], scale: Scale, known_empty: bool
) -> tuple[list[Patch], tuple[int, int] | None]:
    """Cut patches out of micrographs.

    Parameters
    ----------
    paths
        Files, folders or patterns; of very many micrographs some are taken.
    scale
        The particle's diameter.
    known_empty
        Whether there are no particles on them.

    Returns
    -------
    patches : list of Patch
    shape : (int, int) or None
        Of the first one's working image; None without micrographs.

    Raises
    ------
    HydraPickerError
        Naming the micrograph that cannot be read, or that the diameter does not fit to.
    """
    from napari_hydrapicker.cgan.background import free_patches
    from napari_hydrapicker.cgan.preprocess import to_working_image
    from napari_hydrapicker.io.find import find_micrographs
    from napari_hydrapicker.io.micrograph import open_micrographs

    opened = [one for path in find_micrographs(paths) for one in open_micrographs(path)] if paths else []
    if len(opened) > _MOST_MICROGRAPHS:
        typer.echo(f"{_MOST_MICROGRAPHS} of {counted(len(opened), 'micrograph')} are used, spread evenly")
        step = len(opened) / _MOST_MICROGRAPHS
        opened = [opened[int(i * step)] for i in range(_MOST_MICROGRAPHS)]
    patches: list[Patch] = []
    first = None
    for one in opened:
        diameter_px = scale.on(one)
        try:
            working = to_working_image(one.pixels(), diameter_px)
        except HydraPickerError as error:
            raise error if str(one.path) in str(error) else type(error)(f"{one.path}: {error}") from error
        found = free_patches(working, known_empty=known_empty)
        share = sum(patch.weight.sum() for patch in found) / working.image.size
        typer.echo(f"{one.path}: {share:.0%} taken for background")
        patches += found
        first = first or working.shape_wpx
    return patches, first


def synthesise(
    out: Annotated[Path, typer.Option(help="Folder for pairs (MRC), centres (STAR) and a picture of them.")],
    count: Annotated[int, typer.Option(help="Number of pairs.")] = 10,
    micrographs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MICROGRAPH]...",
            help="Backgrounds are what is free of particles on these: files, folders or patterns.",
        ),
    ] = None,
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
    depth: Annotated[
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
        "coverage": coverage, "diameter_wpx": sizes, "contrast": depth, "steps": steps,
        "variation": variation, "smoothing_wpx": smoothing,
    }  # fmt: skip
    given: dict[str, Any] = {name: _range(name, text) for name, text in texts.items() if text is not None}
    if marker is not None:
        given["marker_wpx"] = marker
    scale = Scale(diameter, diameter_px, pixel_size)
    with_particles = micrographs or []
    scale.check(bool(with_particles or empty))
    names = [f"synthetic_{i + 1:04d}" for i in range(count)]
    _check_outputs(names, out, overwrite)

    # Not before the arguments are known to make sense: torch and scikit-image take seconds to load.
    from napari_hydrapicker.cgan.contact_sheet import draw_sheet
    from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX
    from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters

    free, typical_shape = free_patches_of(with_particles, scale, known_empty=False)
    wholly_free, other_shape = free_patches_of(empty or [], scale, known_empty=True)
    working = typical_shape or other_shape or rows_cols
    ranges = replace(SynthesisParameters.for_particles(CGAN_DIAMETER_WPX, number, working), **given)
    patches = free + wholly_free if with_particles or empty else None
    shown: list[Pair] = []
    for name, pair in zip(names, _pairs(patches, rows_cols, ranges, seed), strict=False):
        _write(pair, name, out, scale.working_pixel_angstrom, overwrite)
        shown += [pair] if len(shown) < _ON_SHEET else []
    draw_sheet(shown, out / _SHEET)
    typer.echo(f"{out / _SHEET}: {len(shown)} of {counted(count, 'pair')}, to look at")


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

    from napari_hydrapicker.cgan.background import mosaic, simulated_background
    from napari_hydrapicker.cgan.synthesis import synthesise_pair

    i = 0
    while True:
        rng = np.random.default_rng((seed, i))
        background = simulated_background(shape, rng) if patches is None else mosaic(patches, shape, rng)
        yield synthesise_pair(background, rng, ranges)
        i += 1


def _write(pair: Pair, name: str, out: Path, pixel_angstrom: float, overwrite: bool) -> None:
    import numpy as np

    from napari_hydrapicker.io import coordinates as formats
    from napari_hydrapicker.picks import Picks, Source

    diameter = float(pair.sizes_px.mean()) if len(pair.yx) else None
    imported = np.full(len(pair.yx), Source.IMPORTED, np.int8)
    centres = Picks(pair.yx, source=imported, diameter_px=diameter)
    write_mrc(out / f"{name}.mrc", pair.image, pixel_angstrom)
    write_mrc(out / "truth" / f"{name}.mrc", pair.truth, pixel_angstrom)
    formats.write({name: centres}, out, "star", overwrite=overwrite)
    typer.echo(f"{out / name}.mrc: {counted(len(centres), 'shape')}")
