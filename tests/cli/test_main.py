"""The `hydrapicker` command's frame: help, exit codes, errors and warnings in one line each."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from napari_hydrapicker import __version__
from napari_hydrapicker.cli import main as cli
from napari_hydrapicker.errors import CoordinateFileError

Replace = Callable[[Callable[..., None]], None]


@pytest.fixture
def as_demo(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Let a function stand in for the sub-command `demo`."""

    def replace(function: Callable[..., None]) -> None:
        monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(demo=function))

    return replace


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"hydrapicker {__version__}\n"


def test_help_names_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    program = (
        "import sys; from napari_hydrapicker.cli.main import run; run(['--help']);"
        "print(*sorted(m for m in sys.modules if m.startswith('napari_hydrapicker.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *help_text, modules = done.stdout.splitlines()
    light = {"interruption", "main", "options"}
    assert set(modules.split()) == {f"napari_hydrapicker.cli.{name}" for name in light}
    for command in cli.COMMANDS:
        assert any(command in line for line in help_text)


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "--help"]) == 0
    assert f"hydrapicker {command}" in capsys.readouterr().out


def test_paragraphs_are_not_broken_where_the_source_breaks(
    as_demo: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    def demo() -> None:
        """Do it.

        This goes
        on. And
        on.
        """

    as_demo(demo)
    assert cli.run(["demo", "--help"]) == 0
    assert "This goes on. And on." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["pikc"], ["--no-such-option"], ["pick", "--no-such-option"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert line.startswith("hydrapicker: error: No such")
    assert line.endswith(" --help")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pick"], "give micrographs, --diameter and --out, or --project"),
        (["pick", "a.mrc", "--diameter", "wide", "--out", "o"], "Invalid value for '--diameter': "),
        (["pick", "a.mrc", "--diameter"], "'--diameter' requires an argument"),
        (["convert", "a.box"], "Missing argument 'OUT'"),
        (["diameter", "a.mrc", "--contrast", "pale"], "Invalid value for '--contrast': 'pale' is not one of"),
        (["heads", "shwo"], "No such command 'shwo'"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert said in line


@pytest.mark.parametrize("arguments", [[], ["heads"]])
def test_nothing_to_do_shows_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) in (0, 2)  # 0 before click 8.2
    captured = capsys.readouterr()
    assert "Usage: hydrapicker" in captured.out + captured.err
    assert "error" not in captured.err


@pytest.mark.parametrize(
    "arguments", [["--version"], ["pick", "--help"], ["heads", "list", "--library", "no"]]
)
def test_nobody_reads_to_the_end(arguments: list[str]) -> None:
    """As in ``hydrapicker ... | head -1``: no complaint, and an exit code that is none of our faults."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "napari_hydrapicker", *arguments]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_the_guide_names_every_option(name: str) -> None:
    guide = Path(__file__).parents[2] / "docs"
    sections = re.split(r"^## ", (guide / "command-line.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    own = [section for section in sections if f"hydrapicker {name}" in section]
    if page := {"finetune": "heads.md", "heads": "heads.md", "cgan": "cgan.md"}.get(name):
        own.append((guide / page).read_text(encoding="utf-8"))
    group: Any = typer.main.get_command(cli._application([name]))
    command = group.commands[name]
    parameters = [p for one in getattr(command, "commands", {"": command}).values() for p in one.params]
    shown = [p for p in parameters if not getattr(p, "hidden", False)]
    options = {option for p in shown for option in p.opts if option.startswith("--")}
    assert options
    assert own
    named = set(re.findall(r"--[a-z][a-z_-]*", "\n".join(own)))
    assert options - {"--help"} <= named


def test_arguments_reach_the_command(as_demo: Replace) -> None:
    seen = []

    def demo(what: str, times: int = 1) -> None:
        seen.append((what, times))

    as_demo(demo)
    assert cli.run(["demo", "pick", "--times", "3"]) == 0
    assert seen == [("pick", 3)]


def test_our_errors_are_one_line_and_exit_with_2(
    as_demo: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    def demo() -> None:
        raise CoordinateFileError("a.star: no coordinates;\n  give a RELION file")

    as_demo(demo)
    assert cli.run(["demo"]) == 2
    assert capsys.readouterr().err == "hydrapicker: error: a.star: no coordinates; give a RELION file\n"


def test_what_the_system_refuses_names_the_file(as_demo: Replace, capsys: pytest.CaptureFixture[str]) -> None:
    def demo(name: str) -> None:
        raise PermissionError(13, "Permission denied", name or None)

    as_demo(demo)
    assert cli.run(["demo", "picks"]) == 2
    assert capsys.readouterr().err == "hydrapicker: error: picks: Permission denied\n"
    assert cli.run(["demo", ""]) == 1


def test_internal_error_is_one_line(
    as_demo: Replace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def demo() -> None:
        raise ZeroDivisionError("division by zero")

    as_demo(demo)
    monkeypatch.delenv(cli.DEBUG_VARIABLE, raising=False)
    assert cli.run(["demo"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("hydrapicker: internal error: ZeroDivisionError: division by zero; please report")


@pytest.mark.parametrize("by_variable", [True, False])
def test_internal_error_with_traceback(
    by_variable: bool,
    as_demo: Replace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def demo() -> None:
        raise ZeroDivisionError

    as_demo(demo)
    monkeypatch.setenv(cli.DEBUG_VARIABLE, "1" if by_variable else "0")
    assert cli.run(["demo"] if by_variable else ["--debug", "demo"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("alloc: can't allocate memory: 9 bytes"),
        OSError(12, "Cannot allocate memory"),
        OSError(12, "Cannot allocate memory", "a.mrc"),
        ImportError("_a.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_runs_out_is_no_fault_of_the_program(
    as_demo: Replace, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise error

    as_demo(full)
    assert cli.run(["demo"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("hydrapicker: error: memory ran out")
    assert said.count("\n") == 1


def test_interruption_says_so_and_exits_with_130(
    as_demo: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    def demo() -> None:
        raise KeyboardInterrupt

    as_demo(demo)
    assert cli.run(["demo"]) == 130
    assert capsys.readouterr().err.strip() == "hydrapicker: warning: interrupted"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_end_a_command_as_an_interruption_does(
    name: str, as_demo: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    number = getattr(signal, name)
    as_demo(lambda: signal.raise_signal(number))
    assert cli.run(["demo"]) == 128 + number
    assert "interrupted" in capsys.readouterr().err


def test_messages_of_the_package_are_shown(as_demo: Replace, capsys: pytest.CaptureFixture[str]) -> None:
    def demo() -> None:
        own = logging.getLogger("napari_hydrapicker.picking")
        own.debug("how it is done")
        own.info("how far\nit is")
        own.warning("what is odd")
        logging.getLogger("elsewhere").warning("not ours")

    as_demo(demo)
    before = list(logging.getLogger("napari_hydrapicker").handlers)
    assert cli.run(["demo"]) == 0
    assert capsys.readouterr().err == ("hydrapicker: how far it is\nhydrapicker: warning: what is odd\n")
    assert logging.getLogger("napari_hydrapicker").handlers == before


def test_what_nobody_hears_ends_nothing(as_demo: Replace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    def demo() -> None:
        logging.getLogger("napari_hydrapicker").warning("to nobody")

    as_demo(demo)
    monkeypatch.setattr(sys, "stderr", Gone())
    assert cli.run(["demo"]) == 0


def test_warnings_are_one_line_each(as_demo: Replace, capsys: pytest.CaptureFixture[str]) -> None:
    def demo() -> None:
        warnings.simplefilter("always")
        warnings.warn("the header states\nno pixel size", stacklevel=1)

    as_demo(demo)
    before = warnings.showwarning
    assert cli.run(["demo"]) == 0
    assert capsys.readouterr().err == "hydrapicker: warning: the header states no pixel size\n"
    assert warnings.showwarning is before


def test_output_that_is_not_unicode(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "β.box").write_text("1 2 30 30\n")
    paths = map(str, (tmp_path / "one", tmp_path / "two", "--out", tmp_path / "both"))
    command = [sys.executable, "-m", "napari_hydrapicker", "consensus", *paths, "--distance", "5"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u03b2" in done.stdout
    assert (tmp_path / "both" / "β_autopick.star").exists()


def test_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_hydrapicker", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"hydrapicker {__version__}\n"
