"""A message as one line of JSON, and back; nothing else is taken for one."""

from __future__ import annotations

import json
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_hydrapicker.background.messages import CorrectedRef, Message, MicrographRef

_TYPES: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Message)}
_HINTS: dict[type[Any], dict[str, Any]] = {kind: get_type_hints(kind) for kind in _TYPES.values()}
_HINTS |= {kind: get_type_hints(kind) for kind in (MicrographRef, CorrectedRef)}


def to_line(message: Message) -> bytes:
    """Return a message as a line of ASCII, whatever its paths are made of."""
    fields = {"type": type(message).__name__, **vars(message)}
    return json.dumps(fields, default=vars).encode("ascii") + b"\n"


def from_line(line: bytes) -> Message:
    """Read a line.

    Raises
    ------
    ValueError
        If it is no message: something else has written into the pipe, or it was cut.
    """
    try:
        fields = json.loads(line)
        message: Message = _made(_TYPES[fields.pop("type")], fields)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a message: {line[:80]!r} ({error})") from error
    return message


def _made(kind: type[Any], fields: dict[str, Any]) -> Any:
    """Make a dataclass from the fields of a JSON object, which must be just its own."""
    hints = _HINTS[kind]
    if fields.keys() != hints.keys():
        raise TypeError(f"{kind.__name__} has fields {list(hints)}, not {list(fields)}")
    return kind(**{name: _typed(fields[name], hint) for name, hint in hints.items()})


def _typed(value: Any, hint: Any) -> Any:
    """Return a JSON value as what the type hint of its field says, or raise TypeError."""
    if hint is float and type(value) is int:  # an integer is a number, but True is none
        return float(value)
    if type(value) is hint:
        return value
    if get_origin(hint) is Literal and value in get_args(hint):  # words, all of them
        return value
    if get_origin(hint) is UnionType:  # the only unions here: something, or None
        return None if value is None else _typed(value, get_args(hint)[0])
    if get_origin(hint) is tuple and isinstance(value, list):
        return _typed_tuple(value, get_args(hint))
    if hint in _HINTS:
        return _made(hint, value)
    raise TypeError(f"{value!r:.40} is not of type {hint}")


def _typed_tuple(values: list[Any], hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if hints[-1] is Ellipsis:
        return tuple([_typed(value, hints[0]) for value in values])
    if len(values) != len(hints):
        raise TypeError(f"{len(values)} values, not {len(hints)}")
    return tuple([_typed(value, hint) for value, hint in zip(values, hints, strict=True)])
