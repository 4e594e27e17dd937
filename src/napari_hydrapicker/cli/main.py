"""The `hydrapicker` command: finds the sub-command, runs it, and turns errors into one line each.

Exit codes: 0 done, 1 a fault of the program, 2 something the user can mend, 130 interrupted, 129 and 143
ended by SIGHUP and SIGTERM, 141 nobody read the output to its end.

Messages go through Python's `logging`: the command line shows those of the package, a line each.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer

from napari_hydrapicker import __version__
from napari_hydrapicker.cli.interruption import EXIT_CODE, signals_interrupt
from napari_hydrapicker.cli.options import in_option_words
from napari_hydrapicker.errors import HydraPickerError, out_of_memory_message

logger = logging.getLogger(__name__)

PROGRAM = "hydrapicker"
# Sub-command -> its line in `hydrapicker --help`. Its module is imported when it is called.
COMMANDS = {
    "pick": "Pick particles on micrographs.",
    "merge": "Put together what the shards of a job array have picked.",
    "watch": "Pick micrographs as they appear.",
    "relion": "Pick as a job of RELION's type External.",
    "diameter": "Estimate the particles' diameter.",
    "evaluate": "Score picks against known particle positions.",
    "consensus": "Join several lists of picks by vote.",
    "classify": "Sort picks into 2-D classes, to see what was picked.",
    "select": "Keep the picks of some classes.",
    "convert": "Convert coordinate files between formats.",
    "simulate": "Simulate micrographs with known particle positions.",
    "synthesise": "Make training pairs for the cGAN picker.",
    "finetune": "Train a head for one protein on corrected micrographs.",
    "heads": "List and manage the heads that you keep.",
    "train": "Train a network on simulated and real micrographs.",
    "cgan": "Make pickers that need no particle images.",
    "demo": "Simulate a micrograph, pick it and score the picks.",
}
DEBUG_VARIABLE = "HYDRAPICKER_DEBUG"


def main() -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files and units may hold what the terminal or the pipe has no code for.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line with the given arguments; return the exit code."""
    with _messages_shown(), signals_interrupt() as signals, warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            # Not standalone: typer would frame its complaints in boxes, many lines each.
            with _watched(arguments):
                code = _application(arguments)(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
            sys.stdout.flush()  # a closed pipe shows here, not at the interpreter's end
        except SystemExit as stop:  # so rich ends at a closed pipe
            return _closed_pipe() if isinstance(stop.__context__, BrokenPipeError) else _code_of(stop.code)
        except (KeyboardInterrupt, typer.Abort):
            code = EXIT_CODE
        except BrokenPipeError:
            return _closed_pipe()
        except HydraPickerError as error:
            logger.error("%s", error)
            return 2
        except Exception as error:
            if _is_usage_error(error):
                return _wrong_usage(error)
            if out_of_memory_message(error):
                logger.error("memory ran out: close other programs, or give less to do at a time")
                return 2
            if isinstance(error, OSError) and error.filename is not None:
                logger.error("%s: %s", error.filename, error.strerror)  # a folder that may not be read, say
                return 2
            return _internal_error(error, _wants_traceback(arguments))
        if code == EXIT_CODE:  # typer's, too; while torch loads, say, when nothing is begun
            logger.warning("interrupted")
            return signals.exit_code
    return code if isinstance(code, int) else 0


class _Lines(logging.Handler):
    """Prints a message as one line on standard error, whatever line breaks it holds."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = getattr(record, "kind", record.levelname.lower())
        kinds = f"{kind}: " if record.levelno >= logging.WARNING else ""
        try:
            line = " ".join(in_option_words(record.getMessage()).split())
            print(f"{PROGRAM}: {kinds}{line}", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # nobody listens: that must not stop the work
            return
        if record.exc_info:
            traceback.print_exception(record.exc_info[1])


@contextlib.contextmanager
def _messages_shown() -> Iterator[None]:
    """Show the messages of the package."""
    package = logging.getLogger("napari_hydrapicker")
    handler, level = _Lines(), package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)


def _code_of(code: object) -> int:
    return code if isinstance(code, int) else int(code is not None)


def _closed_pipe() -> int:
    """What a shell reports of programs that a closed pipe ends, as in ``hydrapicker ... | head -1``."""
    with contextlib.suppress(OSError, ValueError):  # else the interpreter complains when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _is_usage_error(error: Exception) -> bool:
    """Whether it is typer's: the classes' home differs between its versions."""
    return any(kind.__name__ == "UsageError" for kind in type(error).__mro__)


def _wrong_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed already
        return 2
    command = error.ctx.command_path if error.ctx is not None else PROGRAM
    # Its messages are sentences in some versions and none in others.
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    logger.error("%s; see %s --help", message, command)
    return 2


def _application(arguments: Sequence[str]) -> typer.Typer:
    """Build the command line, importing only the sub-command that the arguments name.

    The others are not called: they only stand in for their lines of the help text.
    """
    app = typer.Typer(name=PROGRAM, no_args_is_help=True, add_completion=False)
    app.callback()(_options)
    for name, summary in COMMANDS.items():
        if name == _called(arguments):
            _add(app, name)
        else:
            app.command(name, help=summary)(lambda: None)
    return app


def _called(arguments: Sequence[str]) -> str | None:
    """The sub-command that the arguments name; None if they name none."""
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    return name if name in COMMANDS else None


def _watched(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """Let a sub-command see how it ends, wrong usage included, if its module has a function `watched`."""
    called = _called(arguments)
    module = None if called is None else import_module(f"napari_hydrapicker.cli.{called}")
    watched: Callable[[Sequence[str]], AbstractContextManager[None]] | None = getattr(module, "watched", None)
    return contextlib.nullcontext() if watched is None else watched(arguments)


def _add(app: typer.Typer, name: str) -> None:
    """Import a sub-command, or a group of them, and add it."""
    module = import_module(f"napari_hydrapicker.cli.{name}")
    command = getattr(module, name)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        settings = getattr(module, "CONTEXT_SETTINGS", None)
        app.command(name, help=_paragraphs(command.__doc__ or ""), context_settings=settings)(command)


def _paragraphs(text: str) -> str:
    """Join the lines of each paragraph: typer would keep where the source breaks them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of internal errors.")] = False,
) -> None:
    """Pick particles on cryo-EM micrographs."""


def _wants_traceback(arguments: Sequence[str]) -> bool:
    return "--debug" in arguments or os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0")


def _internal_error(error: Exception, with_traceback: bool) -> int:
    if with_traceback:
        traceback.print_exception(error)
    advice = "please report it" if with_traceback else f"please report it with what {PROGRAM} --debug prints"
    extra = {"kind": "internal error"}
    logger.error("%s: %s; %s", type(error).__name__, error, advice, extra=extra)
    return 1


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logger.warning("%s", message)
