"""How messages are worded: numbers agree with their nouns, and parameters have their reader's names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_hydrapicker
from napari_hydrapicker.cli.options import in_option_words
from napari_hydrapicker.cli.pick_run import done_of, not_picked
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.wording import by_number, counted, first_of, shortened, with_parameters

PACKAGE = Path(napari_hydrapicker.__file__).parent
# What messages count, in the plural. Up to two words may stand before it: "deleted picks".
NOUNS = (
    "micrographs", "picks", "particles", "files", "heads", "classes", "edits", "images", "lists", "folders",
    "positions", "crops", "steps", "sets", "corrections", "lines", "rows", "columns", "bytes", "threads",
    "processes", "shards", "networks", "pairs", "patches", "shapes", "values", "numbers", "records", "votes",
    "scores", "coordinates", "candidates", "assignments", "weights", "labels", "marks", "copies", "molecules",
)  # fmt: skip
PLURAL = rf"(?:(?!of |a |the |is |are |on |in |with |hold )[\w'-]+ ){{0,2}}(?:{'|'.join(NOUNS)})\b"
PLACEHOLDER = re.compile(rf"(?:%d|\{{\}}) {PLURAL}")  # of a logger or of str.format
MEASURE = re.compile(r"\.\d+[fge]$")  # decimals take the plural: "1.0 particles"
# What the guard would find, and why it is right as it is.
EXCEPTIONS = {
    "{ctf} lists": "a verb, of a file",
    "{source} lists": "a verb, of a file",
}


def test_one_is_singular() -> None:
    assert [counted(n, "pick") for n in (0, 1, 2, 1200)] == ["0 picks", "1 pick", "2 picks", "1,200 picks"]
    assert [by_number(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]


@pytest.mark.parametrize(
    ("noun", "plural"),
    [
        ("class", "classes"),
        ("patch", "patches"),
        ("box", "boxes"),
        ("copy", "copies"),
        ("day", "days"),
        ("true particle", "true particles"),
    ],
)
def test_plurals_that_need_more_than_an_s(noun: str, plural: str) -> None:
    assert counted(1, noun) == f"1 {noun}"
    assert counted(3, noun) == f"3 {plural}"


def test_a_message_of_one_is_in_the_singular() -> None:
    assert done_of(1, 1) == "1 of 1 micrograph is done"
    assert not_picked(1, 3) == "1 of 3 micrographs was not picked (see above)"
    with pytest.raises(ParameterError, match=r"^1 pick, but 2 scores$"):
        match([[3.0, 8.0]], [0.5, 0.1], [[3.0, 8.0]], 9, Criterion.QUARTER)
    with pytest.raises(ParameterError, match=r"^1 x coordinate, but 2 y coordinates$"):
        Picks.from_xy([1.0], [2.0, 5.0])


def templates(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text where a bare number stands before a noun in the plural."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for number, text in zip(node.values, node.values[1:], strict=False):
                if not isinstance(number, ast.FormattedValue) or not isinstance(text, ast.Constant):
                    continue
                value, spec = number.value, number.format_spec
                if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "counted":
                    continue
                if isinstance(value, ast.Name) and value.id.isupper():  # a constant, which is not 1
                    continue
                if spec is not None and MEASURE.search(ast.literal_eval(ast.unparse(spec).removeprefix("f"))):
                    continue
                if found := re.match(f" {PLURAL}", str(text.value)):
                    yield node.lineno, f"{{{ast.unparse(value)}}}{found[0]}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in PLACEHOLDER.finditer(node.value):
                yield node.lineno, found[0]


def test_no_message_says_one_micrographs() -> None:
    found = [
        (f"{path.relative_to(PACKAGE)}:{line}", text)
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in templates(ast.parse(path.read_text(encoding="utf-8")))
    ]
    bare = [f"{where}: {text}: use counted()" for where, text in found if text not in EXCEPTIONS]
    assert not bare, "\n".join(bare)
    assert {text for _, text in found} == set(EXCEPTIONS), "an exception that is none any more"


@pytest.mark.parametrize(
    ("source", "is_bare"),
    [
        ("f'{n} picks'", True),
        ("f'{n:,} deleted picks'", True),
        ("f'{len(x)} of {m} micrographs'", True),
        ("log('%d files', n)", True),
        ("'on {} micrographs'.format(n)", True),
        ("f\"{counted(n, 'pick')} of picks\"", False),
        ("f'{MOST} picks'", False),
        ("f'{mean:.1f} particles'", False),
        ("f'{name} of the picks'", False),
    ],
)
def test_the_guard_sees_bare_numbers(source: str, is_bare: bool) -> None:
    assert bool(list(templates(ast.parse(source)))) is is_bare


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("give it with `pixel_size`", "give it with --pixel-size"),
        ("`diameter_angstrom` -3: too small", "--diameter -3: too small"),
        ("`device` cuda: not here; choose `device` cpu", "--device cuda: not here; choose --device cpu"),
        ("m`1`.mrc: a path with `Strange` marks", "m`1`.mrc: a path with `Strange` marks"),
    ],
)
def test_the_command_line_names_options(text: str, said: str) -> None:
    assert in_option_words(text) == said


def test_each_reader_has_words_of_its_own() -> None:
    assert with_parameters("`a` and `b_c`", str.upper) == "A and B_C"


def test_lists_are_shortened() -> None:
    assert shortened([]) == ""
    assert shortened("abc") == "a, b, c"
    assert shortened(iter("abcd")) == "a, b, c and 1 more"
    assert shortened(range(1500), 1) == "0 and 1,499 more"


def test_the_first_of_several_problems_is_told() -> None:
    assert first_of(["a.mrc: empty"]) == "a.mrc: empty"
    assert first_of(["a.mrc: empty", "b.mrc: empty"]) == "a.mrc: empty (and 1 more)"
