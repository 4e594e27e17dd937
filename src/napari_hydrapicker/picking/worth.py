"""What speaks for or against a micrograph: numbers in columns, and ranges in which it is kept.

The window's table, `summary.csv` and `hydrapicker select` have the same columns under the same names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.image_info import ListedFigures

Values = Mapping[str, float]
"""Numbers by the names of their columns; one that is not known is NaN, or not there."""


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    Attributes
    ----------
    name : str
        In `summary.csv` and on the command line.
    title : str
        In the window, with the unit.
    meaning : str
        In a sentence.
    decimals : int
        That are written.
    whole : bool
        Whether it counts something.
    """

    name: str
    title: str
    meaning: str
    decimals: int
    whole: bool = False

    def text(self, value: float) -> str:
        """Return a number as it is written; "" for NaN."""
        return "" if math.isnan(value) else f"{value:.{self.decimals}f}"


_ALL = (
    Column("picks", "Picks", "Picks shown at the threshold", 0, whole=True),
    Column("mean_score", "Score", "Mean score of these picks", 4),
    Column(
        "doubt", "Doubt", "Share of what the picker found that should be wrong; over 0.5 do not trust it", 3
    ),
    Column("masked_share", "Masked", "Share of the micrograph that is left out: carbon, bad ice, paint", 3),
    Column("defocus_um", "Defocus, µm", "Mean underfocus, of the list that was opened", 3),
    Column("ctf_resolution_angstrom", "CTF, Å", "Resolution to which the CTF fits, of the list", 2),
    Column("astigmatism_angstrom", "Astigmatism, Å", "Largest defocus less the smallest, of the list", 0),
    Column("ice", "Ice", "Of the list: RELION's ice ring density, or cryoSPARC's relative thickness", 3),
)
COLUMNS: dict[str, Column] = {column.name: column for column in _ALL}
LISTED = tuple(asdict(ListedFigures()))
"""Those that other programs' lists state."""


def listed_values(figures: ListedFigures | None) -> dict[str, float]:
    """Return what a list states, by column; NaN where it does not."""
    stated = asdict(figures or ListedFigures())
    return {name: math.nan if value is None else float(value) for name, value in stated.items()}


def known_columns(values: Iterable[Values]) -> list[Column]:
    """Return the columns in which some micrograph has a number."""
    names = {name for one in values for name, value in one.items() if not math.isnan(value)}
    return [column for column in _ALL if column.name in names]


@dataclass(frozen=True)
class ColumnRange:
    """The numbers of a column from `low` to `high`, both of them in it.

    Raises
    ------
    ParameterError
        If there is no such column, or nothing between the ends.
    """

    column: str
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if self.column not in COLUMNS:
            raise ParameterError(f"no column {self.column!r:.40}: one of {', '.join(COLUMNS)}")
        if not self.low <= self.high:
            raise ParameterError(
                f"the range of {self.column} ends at {self.high:g}, before it begins at {self.low:g}"
            )

    @classmethod
    def parse(cls, text: str) -> ColumnRange:
        """Read ``doubt=:0.4``, ``picks=20:`` or ``defocus_um=0.5:3``.

        Raises
        ------
        ParameterError
            If it is not of that form.
        """
        column, equals, ends = text.replace(" ", "").partition("=")
        low, colon, high = ends.partition(":")
        try:
            found = float(low or "-inf"), float(high or "inf")
        except ValueError:
            found = math.nan, math.nan
        if not (equals and colon and (low or high)) or any(map(math.isnan, found)):
            raise ParameterError(
                f"{text!r:.60} is no range: give a column and its ends, such as defocus_um=0.5:3, or one end "
                "alone, doubt=:0.4"
            )
        return cls(column, *found)

    def excludes(self, values: Values) -> bool:
        """Whether a micrograph lies outside; one of which the number is not known does not."""
        value = values.get(self.column, math.nan)
        return value < self.low or value > self.high

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.column} up to {self.high:g}"
        return f"{self.column} from {self.low:g}" + ("" if math.isinf(self.high) else f" to {self.high:g}")


def check_known(ranges: Sequence[ColumnRange], values: Sequence[Values]) -> None:
    """Refuse ranges of columns in which no micrograph has a number: nothing would come of them.

    Raises
    ------
    ParameterError
        If there is one.
    """
    known = [column.name for column in known_columns(values)]
    for one in ranges:
        if one.column not in known:
            what = f"known are {', '.join(known)}" if known else "nothing else is known either"
            more = " (RELION's or cryoSPARC's list states it)" if one.column in LISTED else ""
            raise ParameterError(f"{one.column} is known of no micrograph{more}; {what}")
