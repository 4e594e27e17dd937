"""The documentation: every page has a place, and every command, function, key and example in it is real."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

import napari_hydrapicker
from napari_hydrapicker.cli import main as cli

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
SITE = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
PACKAGE = ROOT / "src" / "napari_hydrapicker"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OTHERS = {  # commands of others that the pages may use; what they do with our files is looked at below
    "apptainer", "cd", "dask", "docker", "export", "mkdir", "module", "mv", "napari", "pip", "pre-commit",
    "python", "python3", "rattler-build", "relion", "sbatch", "sleep", "source", "squeue", "srun", "tox",
    "uv", "xvfb-run",
}  # fmt: skip
KEYWORDS = {"do", "done", "else", "fi", "then", "time", "true", "while"}
MIB = 2**20


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code blocks in a language, those within lists too."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text_of(page), re.MULTILINE | re.DOTALL)
    return ["".join(line[len(indent) :] for line in code.splitlines(True)) for indent, code in found]


def commands(page: Path) -> list[list[str]]:
    """Return the words of every command in a page's shell blocks, without the shell's own and variables."""
    found = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", "").splitlines():
            for one in re.split(r" && |; ", line):
                words = shlex.split(one, comments=True)
                while words and (words[0] in KEYWORDS or re.match(r"[A-Z_]+=", words[0])):
                    words = words[1:]
                if words:
                    found.append([Path(words[0]).name, *words[1:]])
    return found


COMMANDS = [(page.name, words) for page in PAGES for words in commands(page)]
OURS = [(page, words[1:]) for page, words in COMMANDS if words[0] == "hydrapicker"]


def as_id(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def test_all_blocks_are_found() -> None:
    """Not only those that begin a line: a list holds one, too."""
    assert sum(text_of(page).count("```sh") for page in PAGES) == sum(len(blocks(p, "sh")) for p in PAGES)
    assert len(OURS) > 50
    assert {"tutorial.md", "index.md", "README.md"} <= {page for page, _ in OURS}


@pytest.mark.parametrize(("page", "words"), OURS, ids=as_id)
def test_the_command_line_understands_each_command(page: str, words: list[str]) -> None:
    """All options are there, their values are of the right kind, and nothing that is needed is left out."""
    if words[0] in ("--help", "--version"):
        return
    group: Any = typer.main.get_command(cli._application(words[:1]))
    command, rest = group.commands[words[0]], words[1:]
    if hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.make_context(words[0], rest)
    assert context.params


INLINE = sorted({
    (page.name, code)
    for page in PAGES
    for code in re.findall(r"`hydrapicker ([a-z][^`]*)`", text_of(page))
})  # fmt: skip


@pytest.mark.parametrize(("page", "code"), INLINE)
def test_commands_in_sentences_exist(page: str, code: str) -> None:
    first, *rest = code.replace("\\|", "|").split("|")[0].split()
    assert first in cli.COMMANDS
    group: Any = typer.main.get_command(cli._application([first]))
    command = group.commands[first]
    if hasattr(command, "commands") and rest:
        command = command.commands[rest[0]]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("--")} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_other_commands_lead_somewhere(page: Path) -> None:
    environments = re.findall(
        r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE
    )
    for words in commands(page):
        assert words[0] in OTHERS | {"hydrapicker"}, words
        if words[0].startswith("python") and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), words
        for extras in re.findall(r"\.\[([\w,]+)\]", " ".join(words)):
            assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
        for path in (word for word in words if word.startswith("packaging/")):
            assert (ROOT / path).is_file(), words
        if words[0] == "tox" and "-e" in words:
            assert words[words.index("-e") + 1] in {*environments, "py"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_shell_blocks_are_shell() -> None:
    for page in PAGES:
        for block in blocks(page, "sh"):
            done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{page.name}: {done.stderr}"


def needs(code: ast.Module) -> set[str]:
    """Return the packages that a piece of Python imports."""
    names: set[str] = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the API's page are run by test_api.py; what needs another program is only compiled."""
    monkeypatch.chdir(tmp_path)
    sample = napari_hydrapicker.simulate(shape=(300, 420), seed=1)
    import mrcfile

    with mrcfile.new("grid1_0001.mrc") as file:
        file.set_data(sample.image)
        file.voxel_size = sample.pixel_size_angstrom
    ran = 0
    for page in PAGES:
        for block in [] if page.name == "api.md" else blocks(page, "python"):
            code = compile(block, page.name, "exec")
            if all(find_spec(package) for package in needs(ast.parse(block))):
                exec(code, {})
                ran += 1
    assert ran >= 3
    assert len(napari_hydrapicker.read_picks("grid1_0001.star")["grid1_0001"]) > 3


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, one after the other, as a notebook without IPython's own commands is run."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRAPICKER_HOME", str(tmp_path / "home"))
    notebook = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), "notebook.ipynb", "exec"), names)
    names["plt"].close("all")
    assert names["scores"].ap > 0.9
    assert len(names["picks"]) > 5
    assert list((tmp_path / "home" / "heads").glob("notebook*"))
    assert list((tmp_path / "picks").glob("*.star"))


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w-]+\.md)$", SITE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert {page.name for page in DOCS.glob("*.md")} == set(listed)


def test_every_picture_is_shown_and_small() -> None:
    pictures = {file.name: file.stat().st_size for file in (DOCS / "images").iterdir()}
    shown = {
        name
        for page in PAGES
        for name in re.findall(r"!\[[^\]]+\]\((?:docs/)?images/([^)]+)\)", text_of(page))
    }
    assert shown == set(pictures)
    assert max(pictures.values()) < 2 * MIB
    assert sum(pictures.values()) < 2 * MIB


def test_the_reference_has_every_function() -> None:
    listed = re.findall(r"^::: napari_hydrapicker\.(\w+)$", text_of(DOCS / "functions.md"), re.MULTILINE)
    assert sorted(listed) == sorted(napari_hydrapicker.__all__)


def test_the_list_of_keys_is_the_window_s() -> None:
    from napari_hydrapicker.gui.widgets import keys

    rows = re.findall(r"^\| `(.*?)` \| (.*) \|$", text_of(DOCS / "keys.md"), re.MULTILINE)
    assert rows == [(keys._shown(key), text) for key, text in keys.MEANING.items()]


def places() -> list[tuple[str, str, str]]:
    """List (page, names, file) for what the pages say is in a file of the package."""
    pattern = re.compile(r"((?:`\w+`(?:, | and )?)+) in `([\w/]+\.py)`")
    return [(page.name, names, file) for page in PAGES for names, file in pattern.findall(text_of(page))]


@pytest.mark.parametrize(("page", "names", "file"), places())
def test_what_is_said_to_be_in_a_file_is_there(page: str, names: str, file: str) -> None:
    path = PACKAGE / file if (PACKAGE / file).is_file() else ROOT / file
    defined: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    assert set(re.findall(r"`(\w+)`", names)) <= defined


def test_the_equations_are_found_in_the_code() -> None:
    files = {file for page, _, file in places() if page == "networks.md"}
    assert {"hydra/losses.py", "hydra/anchors.py", "cgan/networks.py", "cgan/localise.py"} <= files


def test_words_of_the_glossary_are_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", text_of(DOCS / "glossary.md"), re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(words, key=str.lower)
