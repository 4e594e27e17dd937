"""Classes on disk: a contact sheet, the averages, a table, and which pick is in which class."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_hydrapicker.classes.classify import Classes, PickClass
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.coordinates.base import parse_coordinate, parse_score
from napari_hydrapicker.io.coordinates.conversion import NamedPicks
from napari_hydrapicker.io.coordinates.star_syntax import star_table_text, star_tables, star_value
from napari_hydrapicker.io.files import bad_line, write_files
from napari_hydrapicker.io.names import distinct_names, micrograph_path
from napari_hydrapicker.io.relion_names import name_here
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import shortened

SHEET, AVERAGES, TABLE, MEMBERS = "classes.png", "classes.mrcs", "classes.csv", "particles.star"

_COLUMNS = (
    "rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", "rlnClassNumber", "rlnAnglePsi",
    "rlnAutopickFigureOfMerit", "rlnOriginXAngst", "rlnOriginYAngst",
)  # fmt: skip
_NO_VALUE = -999.0
_TILE_PX, _GAP_PX, _CAPTION_PX, _ACROSS = 128, 6, 30, 10
_WHITE, _GREY, _DOUBT = (255, 255, 255), (170, 170, 170), (230, 120, 40)


def write_classes(found: Classes, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write `classes.png`, `classes.mrcs`, `classes.csv` and `particles.star` into a folder.

    Raises
    ------
    CoordinateFileError
        If a file exists and `overwrite` is not set, or one cannot be written.
    """
    picture = io.BytesIO()
    contact_sheet(found.classes).save(picture, format="PNG")
    files = {
        folder / SHEET: picture.getvalue(),
        folder / AVERAGES: mrc_stack(
            np.stack([one.average for one in found.classes]), found.pixel_size_angstrom
        ),
        folder / TABLE: _table(found.classes),
        folder / MEMBERS: _members(found).encode(),
    }
    return write_files(files, overwrite)


def contact_sheet(classes: Sequence[PickClass]) -> Image.Image:
    """Draw the averages side by side, largest class first; doubtful ones have a frame and say why."""
    across = min(_ACROSS, max(1, len(classes)))
    down = -(-len(classes) // across)
    width, height = _TILE_PX + _GAP_PX, _TILE_PX + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (across * width + _GAP_PX, down * height + _GAP_PX), (24, 24, 24))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for place, one in enumerate(classes):
        row, column = divmod(place, across)
        x, y = _GAP_PX + column * width, _GAP_PX + row * height
        tile = Image.fromarray(grey(one.average)).resize((_TILE_PX, _TILE_PX), Image.Resampling.BICUBIC)
        sheet.paste(tile.convert("RGB"), (x, y))
        if one.doubts:
            draw.rectangle((x - 2, y - 2, x + _TILE_PX + 1, y + _TILE_PX + 1), outline=_DOUBT, width=2)
        draw.text((x + 1, y + _TILE_PX + 2), f"{one.number}: {one.size}", _WHITE, font)
        detail = f"{one.resolution_angstrom:.0f} A" if math.isfinite(one.resolution_angstrom) else "no detail"
        draw.text((x + _TILE_PX - 1, y + _TILE_PX + 2), detail, _GREY, font, anchor="ra")
        more = f" +{len(one.doubts) - 1}" if len(one.doubts) > 1 else ""
        draw.text((x + 1, y + _TILE_PX + 15), "".join(one.doubts[:1]) + more, _DOUBT, font)
    return sheet


def grey(average: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return an average as 8-bit grey levels, from its darkest hundredth to its lightest few pixels."""
    low, high = np.percentile(average, (1, 99.7))
    scaled = (average - low) / max(float(high - low), 1e-9)
    levels: NDArray[np.uint8] = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return levels


def mrc_stack(images: NDArray[np.float32], pixel_size_angstrom: float) -> bytes:
    """Return the bytes of an MRC stack of images (N, H, W)."""
    import mrcfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / AVERAGES
        with mrcfile.new(file) as stack:
            stack.set_data(images)
            stack.set_image_stack()
            stack.voxel_size = pixel_size_angstrom
        return file.read_bytes()


def _table(classes: Sequence[PickClass]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("class", "picks", "resolution_angstrom", "mean_confidence", "mean_score", "doubts"))
    for one in classes:
        resolution = f"{one.resolution_angstrom:.2f}" if math.isfinite(one.resolution_angstrom) else ""
        score = "" if math.isnan(one.mean_score) else f"{one.mean_score:.4f}"
        doubts = "; ".join(one.doubts)
        table.writerow((one.number, one.size, resolution, f"{one.confidence:.4f}", score, doubts))
    return text.getvalue().encode()


def _members(found: Classes) -> str:
    rows = []
    for one in found.members:
        name = star_value(name_here(one.micrograph))
        size = one.micrograph.pixel_size_angstrom or math.nan
        score = np.where(np.isnan(one.picks.score), _NO_VALUE, one.picks.score)
        # RELION's origin is what an image has to be moved by to lie in the middle.
        columns = (
            one.picks.x,
            one.picks.y,
            one.label,
            one.psi_degrees,
            score,
            *(-size * one.offset_px.T[::-1]),
        )
        rows += [
            f"{name} {x:12.4f} {y:12.4f} {label:5d} {psi:10.3f} {merit:.9g} {across:10.4f} {down:10.4f}"
            for x, y, label, psi, merit, across, down in zip(*(c.tolist() for c in columns), strict=True)
        ]
    return "# version 30001\n\n" + star_table_text("particles", _COLUMNS, rows)


@dataclass(frozen=True, eq=False)
class ClassifiedPicks:
    """Picks in classes, as a file has them.

    Attributes
    ----------
    path : Path
        The file.
    picks : dict of str to Picks
        By the micrographs' paths, without extensions.
    label : dict of str to ndarray of int
        Number of the class of each pick; 0 for none.
    names : dict of str to str
        What the file calls the micrographs.
    doubtful : list of int
        Classes that the table beside the file calls doubtful.
    """

    path: Path
    picks: dict[str, Picks]
    label: dict[str, NDArray[np.int64]]
    names: dict[str, str]
    doubtful: list[int]

    @property
    def sizes(self) -> dict[int, int]:
        """How many picks each class has, by its number, 0 left out."""
        numbers, counts = np.unique(np.concatenate([*self.label.values()]), return_counts=True)
        return {n: c for n, c in zip(numbers.tolist(), counts.tolist(), strict=True) if n > 0}

    def named(self, numbers: Sequence[int]) -> NamedPicks:
        """Return the picks of some classes, to be written.

        Raises
        ------
        ParameterError
            If there is no such class.
        """
        unknown = sorted(set(numbers) - set(self.sizes))
        if unknown:
            raise ParameterError(
                f"class {unknown[0]} is not in {self.path}; it has {_ranges(sorted(self.sizes))}"
            )
        short = dict(zip(self.picks, distinct_names(list(self.picks)), strict=True))
        kept = {
            short[name]: own.select(np.isin(self.label[name], list(numbers)))
            for name, own in self.picks.items()
        }
        return NamedPicks(kept, names={short[name]: called for name, called in self.names.items()})


def read_classified(path: Path) -> ClassifiedPicks:
    """Read which pick is in which class: `classify`'s folder or file, or RELION's data STAR of a 2-D job.

    Raises
    ------
    CoordinateFileError
        If it is missing or damaged, or has no classes or no positions.
    """
    file = path / MEMBERS if path.is_dir() else path
    if not os.path.exists(file):
        raise CoordinateFileError(f"{file}: no such file; give the folder that `classify` has written")
    rows: dict[str, list[tuple[float, float, int, float]]] = {}
    names: dict[str, str] = {}
    for table in star_tables(file):
        if any(table.index(column) is None for column in _COLUMNS[:4]):
            continue
        name, x, y, label = (table.columns.index(column) for column in _COLUMNS[:4])
        merit = table.index(_COLUMNS[5])
        for line, values in table.rows:
            score = math.nan if merit is None else parse_score(file, line, values[merit])
            try:
                number = int(values[label])
            except ValueError:
                raise bad_line(file, line, f"{values[label]!r:.40} is no number of a class") from None
            key = micrograph_path(values[name])
            names.setdefault(key, values[name])
            rows.setdefault(key, []).append(
                (
                    parse_coordinate(file, line, values[x]),
                    parse_coordinate(file, line, values[y]),
                    number,
                    math.nan if score == _NO_VALUE else score,
                )
            )
    if not rows:
        raise CoordinateFileError(
            f"{file}: no table with {', '.join(_COLUMNS[:4])}: it states no classes of picks"
        )
    columns = {key: list(zip(*own, strict=True)) for key, own in rows.items()}
    return ClassifiedPicks(
        file,
        {key: Picks.from_xy(own[0], own[1], own[3]) for key, own in columns.items()},
        {key: np.array(own[2], np.int64) for key, own in columns.items()},
        names,
        _doubtful(file.with_name(TABLE)),
    )


def _doubtful(table: Path) -> list[int]:
    """Numbers of the classes that the table beside the members calls doubtful; none without the table."""
    if not os.path.isfile(table):
        return []
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return [int(row["class"]) for row in csv.DictReader(file) if row["doubts"]]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise CoordinateFileError(f"{table}: is not the table that `classify` writes ({error})") from error


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers in words: ``1 to 20``, or a list of some."""
    if numbers and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"classes {numbers[0]} to {numbers[-1]}"
    return f"classes {shortened(numbers, 10)}"


def kept_numbers(
    sizes: Mapping[int, int], keep: Sequence[int] | None, reject: Sequence[int] | None
) -> list[int]:
    """Return the classes to keep: those named, or all but those named."""
    return list(keep) if keep is not None else [number for number in sizes if number not in set(reject or ())]
