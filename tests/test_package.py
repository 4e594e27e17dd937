"""The package as a whole: light to import, installed with its manifest, documented as it runs."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import napari_hydrapicker
from napari_hydrapicker.cli.main import run
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.io import find as micrograph_files

DISTRIBUTION = "napari-hydrapicker"
ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "scipy", "skimage", "pandas", "matplotlib", "napari", "npe2", "qtpy", "PyQt6", "PySide6"}
QT_FREE = ["io.micrograph", "picks", "io.coordinates", "imaging", "evaluation", "cli.main", "gui.reader"]


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a fresh interpreter."""
    program = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    assert not loaded_by("import napari_hydrapicker") & (HEAVY | {"numpy"})


@pytest.mark.parametrize("module", QT_FREE)
def test_modules_that_need_no_tensors_load_neither_torch_nor_qt(module: str) -> None:
    loaded = loaded_by(f"import napari_hydrapicker.{module}")
    assert not loaded & {"torch", "napari", "qtpy", "PyQt6", "PySide6"}


def test_importing_is_fast() -> None:
    program = (
        "import time; start = time.perf_counter(); import napari_hydrapicker;"
        "print(time.perf_counter() - start)"
    )
    run = [sys.executable, "-c", program]
    fastest = min(float(subprocess.run(run, capture_output=True, check=True).stdout) for _ in range(3))
    assert fastest < 0.2


def test_installed_version_is_the_package_s() -> None:
    assert importlib.metadata.version(DISTRIBUTION) == napari_hydrapicker.__version__


def test_package_is_typed_and_brings_a_manifest_named_as_the_distribution() -> None:
    npe2 = pytest.importorskip("npe2")
    package = Path(napari_hydrapicker.__file__).parent
    assert (package / "py.typed").is_file()
    manifest = npe2.PluginManifest.from_file(package / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == DISTRIBUTION


def test_napari_finds_the_manifest_through_the_entry_point() -> None:
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_distribution(DISTRIBUTION)
    assert manifest.package_version == napari_hydrapicker.__version__


def test_manifest_at_the_top_is_the_package_s() -> None:
    inside = ROOT / "src" / "napari_hydrapicker" / "napari.yaml"
    # Where git makes no symbolic links, as on Windows, the file holds where the link leads.
    at_the_top = (ROOT / "napari.yaml").read_text().strip()
    assert at_the_top in (inside.read_text().strip(), "src/napari_hydrapicker/napari.yaml")


def test_the_manifest_s_patterns_cover_what_is_read() -> None:
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_file(Path(napari_hydrapicker.__file__).parent / "napari.yaml")
    patterns = {one.command: one.filename_patterns for one in manifest.contributions.readers}
    images = {f"*{suffix}" for suffix in (*micrograph_files.SCIENTIFIC, *micrograph_files.PICTURES)}
    assert set(patterns[f"{DISTRIBUTION}.get_reader"]) == images
    for pattern in patterns[f"{DISTRIBUTION}.get_points_reader"]:
        assert formats.may_hold_coordinates(Path(pattern.replace("*", "a")))
    known = {f"*{suffix}" for suffix in formats.EXTENSIONS} | {"*.coord", "*.coords", "*.pos", "*_info.json"}
    assert set(patterns[f"{DISTRIBUTION}.get_points_reader"]) == known


# Modules whose distribution has another name.
DISTRIBUTION_OF = {
    "lightning_fabric": "lightning-fabric",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "pydantic_core": "pydantic-core",
}


def imported(folder: Path) -> set[str]:
    """Return the distributions that the modules in a folder import, our own and Python's left out."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    names -= {*sys.stdlib_module_names, "napari_hydrapicker"}
    return {DISTRIBUTION_OF.get(name, name) for name in names}


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", one)[0] for one in requirements}


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = ROOT / "src" / "napari_hydrapicker"
    needed = declared(project["dependencies"])
    # Everything below the window does without napari and Qt.
    below = set().union(*(imported(one) for one in package.iterdir() if one.is_dir() and one.name != "gui"))
    extras = project["optional-dependencies"]
    assert below <= needed | declared(extras["cluster"])
    assert below - needed == imported(package / "cluster") - needed  # who asks for no cluster needs none
    everywhere = imported(package)
    assert everywhere <= needed | declared(extras["napari"]) | declared(extras["cluster"])
    assert needed <= everywhere


def test_the_citation_is_of_this_version_and_of_both_methods() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [napari_hydrapicker.__version__]
    assert re.findall(r"^license: (.*)$", text, re.MULTILINE) == [project["license"]]
    yaml = pytest.importorskip("yaml")
    methods = yaml.safe_load(text)["references"]
    assert [one["type"] for one in methods] == ["thesis", "article"]
    assert [one["authors"][0]["family-names"] for one in methods] == ["Masoumzadeh Tork", "Kong"]


def readme_commands() -> list[str]:
    """Return the lines of the README's code block for a clone."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (block,) = (one for one in blocks if "tox" in one)
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def test_readme_has_the_demo_and_the_tests() -> None:
    demo, tests = readme_commands()
    assert demo.endswith("tox -e demo")
    assert tests.endswith("tox")
    assert "install tox" in demo
    assert "install tox" in tests


def test_continuous_integration_runs_the_readme_s_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in readme_commands():
        assert any(command in line for line in script)


def test_every_dependency_is_locked() -> None:
    locked = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    requirements = [*(importlib.metadata.requires(DISTRIBUTION) or []), *groups["docs"]]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in requirements}  # type: ignore[index]
    assert names - {DISTRIBUTION, "pre-commit", "tox"} <= locked


def documented_options() -> list[tuple[str, str]]:
    """List (sub-command, option) for calls of `hydrapicker` in code blocks, and for the tables of options.

    A table belongs to the command that its section is named after.
    """
    guide = (ROOT / "docs" / "command-line.md").read_text()
    text = ((ROOT / "README.md").read_text() + guide).replace("\\\n", "")
    calls = [call.split() for call in re.findall(r"^hydrapicker (.*)$", text, re.MULTILINE)]
    found = {(call[0], word) for call in calls for word in call[1:] if word.startswith("--")}
    for section in guide.split("\n## ")[1:]:
        command = section.splitlines()[0].lower()
        cells = re.findall(r"^\| (`--[^|]*)\|", section, re.MULTILINE)
        found |= {(command, option) for cell in cells for option in re.findall(r"`(--[\w-]+)", cell)}
    assert {"pick", "simulate", "train", "evaluate"} <= {command for command, _ in found}
    return sorted(found)


@pytest.mark.parametrize(("command", "option"), documented_options())
def test_documented_option_exists(
    command: str, option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run([command, "--help"]) == 0
    assert option in re.split(r"[\s,]+", capsys.readouterr().out)


@pytest.mark.parametrize("document", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)", document.read_text())
    assert targets or document.parent != ROOT
    for target in targets:
        assert (document.parent / target).exists(), target


CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch"}  # names there, where they differ


def test_the_conda_recipe_is_of_this_version_and_needs_the_same() -> None:
    text = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^  version: (\d.*)$", text, re.MULTILINE) == [napari_hydrapicker.__version__]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        (CONDA.get(name, name), version) for name, version in (d.split(">=") for d in project["dependencies"])
    }
    run = text.partition("\n  run:\n")[2].partition("\n\n")[0]
    found = set(re.findall(r"^    - (\S+) >=(\S+)$", run, re.MULTILINE))
    assert found == wanted | {("python", project["requires-python"].removeprefix(">="))}


def test_the_changes_begin_with_this_version() -> None:
    assert (
        re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
        == napari_hydrapicker.__version__
    )


def test_containers_copy_what_is_there() -> None:
    recipe = (ROOT / "packaging" / "hydrapicker.def").read_text(encoding="utf-8")
    copied = re.findall(r"^    (\S+) /source/(\S+)$", recipe, re.MULTILINE)
    assert {"src", "pyproject.toml", "constraints.txt"} <= {source for source, _ in copied}
    for source, target in copied:
        assert source == target
        assert (ROOT / source).exists()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {project["readme"], *project["license-files"]} <= {source for source, _ in copied}
