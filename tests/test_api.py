"""The front door of the package: its functions, their help, and the examples of the API page."""

from __future__ import annotations

import ast
import doctest
import inspect
import pydoc
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import napari_hydrapicker

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
FUNCTIONS = [name for name in napari_hydrapicker.__all__ if name[0].islower()]


def test_all_of_it_is_there_and_nothing_else() -> None:
    public = [name for name in dir(napari_hydrapicker) if not name.startswith("_")]
    assert public == sorted(napari_hydrapicker.__all__)
    for name in public:
        assert getattr(napari_hydrapicker, name).__name__ == name
    with pytest.raises(AttributeError, match="'napari_hydrapicker' has no attribute 'pik'"):
        napari_hydrapicker.pik  # noqa: B018


def test_a_type_checker_sees_what_is_loaded() -> None:
    tree = ast.parse(Path(napari_hydrapicker.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: f"{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen) == sorted(napari_hydrapicker.__all__)
    for name, module in seen.items():
        assert getattr(import_module(module), name) is getattr(napari_hydrapicker, name)


def test_only_what_is_used_is_loaded() -> None:
    program = (
        "import sys, napari_hydrapicker as h; dir(h); h.Picks([[1, 2]]); h.read_picks; h.open_micrograph\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "numpy" in loaded
    assert not {"torch", "napari", "qtpy", "matplotlib"} & set(loaded)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described(name: str) -> None:
    function = getattr(napari_hydrapicker, name)
    text = inspect.getdoc(function) or ""
    head, _, rest = text.partition("Parameters\n----------\n")
    assert head.strip()
    described = {
        one.strip()
        for line in re.findall(r"^(\w[\w, ]*?)(?: :.*)?$", rest.partition("\n\n")[0], re.MULTILINE)
        for one in line.split(",")
    }
    assert described == set(inspect.signature(function).parameters)


def test_help_reads_well() -> None:
    text = pydoc.plain(pydoc.render_doc(napari_hydrapicker))
    for name in FUNCTIONS:
        assert f"\n    {name}(" in text
    assert " object at 0x" not in text
    assert "<lambda>" not in text
    assert text.index("hydrapicker.pick(micrograph, diameter_angstrom=180)") < text.index("PACKAGE CONTENTS")


@pytest.mark.parametrize("module", sorted({*napari_hydrapicker._HOME.values()}))
def test_the_examples_in_the_docstrings(module: str) -> None:
    found = doctest.testmod(import_module(f"napari_hydrapicker.{module}"))
    assert found.failed == 0
    assert found.attempted or module == "training.kept_head"


def run_blocks(blocks: list[str], names: dict[str, Any]) -> dict[str, Any]:
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    return names


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, and a library of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("alone")
def test_the_page_s_examples_do_what_it_says(tmp_path: Path) -> None:
    names = run_blocks([block for block in BLOCKS if "viewer" not in block], {})
    assert len(names["picks"]) > 10
    assert names["scores"].ap > 0.9
    assert [len(one) > 5 for one in names["found"].values()] == [True, True]
    assert names["by_name"].keys() == {"procedural-1"}
    assert (tmp_path / "picks" / "procedural-1_autopick.star").is_file()
    assert (tmp_path / "picks.csv").is_file()
    assert (tmp_path / "boxes" / "procedural-1.box").is_file()
    assert (tmp_path / "home" / "heads" / "my-protein.safetensors").is_file()


@pytest.mark.usefixtures("alone")
def test_the_page_s_example_for_napari_s_console() -> None:
    components = pytest.importorskip("napari.components")
    sample = napari_hydrapicker.simulate(shape=(360, 600), seed=1)
    viewer = components.ViewerModel()
    viewer.add_image(sample.image, metadata={"pixel_size_angstrom": sample.pixel_size_angstrom})
    names = {"viewer": viewer, "hydrapicker": napari_hydrapicker}
    run_blocks([block for block in BLOCKS if "viewer" in block], names)
    assert viewer.layers[-1].data.shape == (len(names["picks"]), 2)  # type: ignore[arg-type]
    assert len(viewer.layers[-1].data) > 3


def test_the_page_names_every_function() -> None:
    table = PAGE.read_text(encoding="utf-8").rpartition("| function |")[2]
    assert {name for name in FUNCTIONS if f"`{name}(" in table} == set(FUNCTIONS)
