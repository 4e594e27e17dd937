"""The STAR syntax: data blocks with tables. Streams a file and keeps the line of every value.

Our own, since messages name the line of a wrong value, which gemmi and starfile do not know, and since gemmi
refuses a file with two unnamed blocks. 200,000 rows take 0.25 CPU s, with gemmi 0.18.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.io.files import bad_line, read_lines
from napari_hydrapicker.io.names import IMAGE_ENDING
from napari_hydrapicker.wording import counted

Row = tuple[int, list[str]]

_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)"|(\S+)""")


@dataclass(frozen=True)
class StarTable:
    """One table of a STAR file.

    Attributes
    ----------
    block : str
        Name of the data block, without ``data_``.
    line : int
        Where the table starts.
    columns : tuple of str
        Labels without the leading underscore.
    rows : iterator of (line number, values)
        Good for one pass, and only until the next table is asked for.
    """

    block: str
    line: int
    columns: tuple[str, ...]
    rows: Iterator[Row]

    def index(self, label: str) -> int | None:
        """Return the position of a column, None if the table has no such column."""
        return self.columns.index(label) if label in self.columns else None


class _Lines:
    """Numbered lines without blanks and comments; one can be put back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = read_lines(path)
        self._back: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._back:
            return self._back.pop()
        for line in self._lines:
            if line[1] and line[1][0] != "#":
                return line
        raise StopIteration

    def put_back(self, line: tuple[int, str]) -> None:
        self._back.append(line)

    def peek(self) -> str | None:
        """Return the text of the next line, None at the end; it stays to be read."""
        line = next(self, None)
        if line is None:
            return None
        self.put_back(line)
        return line[1]


def star_tables(path: Path) -> Iterator[StarTable]:
    """Yield the tables of a STAR file; a block of ``_label value`` pairs is a table of one row.

    Raises
    ------
    CoordinateFileError
        If the file is not STAR, or a row has more or fewer values than its table has columns.
    """
    lines = _Lines(path)
    block: str | None = None
    for number, text in lines:
        if _starts_block(text):
            block = text.split()[0][len("data_") :]
        elif block is None:
            raise bad_line(path, number, "text before the first data_ block: not a STAR file")
        elif _is_loop(text):
            table = _loop(lines, block, number)
            yield table
            for _ in table.rows:  # rows that the caller did not want
                pass
        elif text[0] == "_":
            lines.put_back((number, text))
            yield _pairs(lines, block, number)
        else:
            raise bad_line(path, number, f"a value outside of a table: {text!r:.40}")


def _starts_block(text: str) -> bool:
    # A row may start with a file called data_...: a block's line has nothing after its name.
    return text.startswith("data_") and len(_values(text)) == 1


def _is_loop(text: str) -> bool:
    return text.startswith("loop_") and _values(text) == ["loop_"]


def _values(text: str) -> list[str]:
    if "'" not in text and '"' not in text and "#" not in text:
        return text.split()
    values = []
    for single, double, bare in _QUOTED.findall(text):
        if bare.startswith("#"):  # a comment goes to the end of the line
            break
        values.append(single or double or bare)
    return values


def _loop(lines: _Lines, block: str, start: int) -> StarTable:
    columns: list[str] = []
    seen: set[str] = set()
    for number, text in lines:
        if text[0] != "_":
            lines.put_back((number, text))
            break
        label = text.split()[0][1:]
        if label in seen:
            raise bad_line(lines.path, number, f"column {label!r:.60} occurs twice")
        columns.append(label)
        seen.add(label)
    if not columns:
        raise bad_line(lines.path, start, "loop_ without columns")
    return StarTable(block, start, tuple(columns), _rows(lines, len(columns)))


def _rows(lines: _Lines, width: int) -> Iterator[Row]:
    for number, text in lines:
        values = _values(text)
        if _is_loop(text) or (_starts_block(text) and (width > 1 or _is_block(values[0], lines.peek()))):
            lines.put_back((number, text))
            return
        if len(values) != width:
            raise bad_line(
                lines.path,
                number,
                f"{counted(len(values), 'value')} in a table of {counted(width, 'column')}",
            )
        yield number, values


def _is_block(text: str, following: str | None) -> bool:
    """Tell in a table of one column a block's name from a value that begins like one, as "
    "``data_0001.mrc``."""
    if following is None:
        return IMAGE_ENDING.search(text) is None
    return _is_loop(following) or following[0] == "_"


def _pairs(lines: _Lines, block: str, start: int) -> StarTable:
    row: dict[str, str] = {}
    for number, text in lines:
        if text[0] != "_":
            lines.put_back((number, text))
            break
        label, *values = _values(text)
        if len(values) > 1 or label[1:] in row:
            raise bad_line(lines.path, number, f"expected one label and one value: {text!r:.40}")
        row[label[1:]] = values[0] if values else ""
    return StarTable(block, start, tuple(row), iter([(start, list(row.values()))]))


def star_value(text: str) -> str:
    """Return `text` as one STAR value, quoted where it must be."""
    if text and not re.search(r"\s", text) and text[0] not in "'\"#_" and "'" not in text and '"' not in text:
        return text
    if '"' not in text:
        return f'"{text}"'
    raise ParameterError(f"{text!r} cannot be written to a STAR file: rename the micrograph")


def star_table_text(block: str, columns: Sequence[str], rows: Iterable[str]) -> str:
    """Return one data block with one table; the rows are lines already."""
    labels = [f"_{column} #{i}" for i, column in enumerate(columns, 1)]
    return "\n".join([f"data_{block}", "", "loop_", *labels, *rows, "", ""])
