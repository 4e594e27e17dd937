"""How messages are worded: numbers with their nouns, and parameters as their reader calls them."""

from __future__ import annotations

import re
from collections.abc import Callable

_PARAMETER = re.compile(r"`([a-z][a-z_]*)`")
_SIBILANT = ("s", "sh", "ch", "x", "z")  # the plural of these takes a syllable more


def with_parameters(text: str, called: Callable[[str], str]) -> str:
    """Return a message with its parameters, which stand in `backticks`, as a reader calls them.

    The command line knows them as options, the window by the labels of its fields.
    """
    return _PARAMETER.sub(lambda found: called(found[1]), text)


def by_number(n: int, one: str, several: str) -> str:
    """Return the word that agrees with a number: "is" or "are"."""
    return one if n == 1 else several


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: "1 pick", "1,200 picks", "2 classes"."""
    return f"{n:,} {by_number(n, noun, _plural(noun))}"


def _plural(noun: str) -> str:
    if noun.endswith(_SIBILANT):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
