"""How messages are worded: numbers with their nouns, and parameters as their reader calls them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

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


def shortened(names: Iterable[object], most: int = 3) -> str:
    """Return the first names of a list, and how many more there are: "a, b and 3 more"."""
    every = list(map(str, names))
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def first_of(problems: Sequence[object]) -> str:
    """Return the first of some sentences, and how many more there are: "a.mrc: empty (and 3 more)"."""
    return f"{problems[0]} (and {len(problems) - 1:,} more)" if len(problems) > 1 else str(problems[0])


def _plural(noun: str) -> str:
    if noun.endswith(_SIBILANT):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
