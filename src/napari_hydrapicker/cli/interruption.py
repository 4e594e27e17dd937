"""What is said when somebody interrupts a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer

EXIT_CODE: Final = 130


@contextmanager
def interruptible(left: Callable[[], str]) -> Iterator[None]:
    """Say on standard error what is left of the work if it is interrupted, and end the command.

    Raises
    ------
    SystemExit
        With `EXIT_CODE`, in place of the interruption: no more is to be said of it.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted: {left()}", err=True)
        raise SystemExit(EXIT_CODE) from None
