"""The options of picking, made from the fields of `PickParameters` and of the pickers' specifications.

A field is an option: its description is the help, its default what holds without it. So a new parameter, or a
new picker, is on the command line by being in `picking.parameters`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from napari_hydrapicker.cli.options import option
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import NETWORKS, NetworkSpec, PickParameters, switch_off

_PICKER = "Which picker: " + ", ".join(f"{kind} is {one.label}'s" for kind, one in NETWORKS.items()) + "."


def picking_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take how to pick as options, in place of its arguments `parameters` and `spec`.

    Parameters
    ----------
    command : callable
        Takes a `PickParameters` as `parameters` and the specification of a picker as `spec`. Where its
        `parameters` may be None, the diameter need not be given: then they are.

    Returns
    -------
    callable
        For typer: with an option for each field of them, and ``--picker``.
    """
    own = inspect.signature(command, eval_str=True).parameters
    fields = PickParameters.model_fields
    is_needed = own["parameters"].default is inspect.Parameter.empty
    of_parameters = {name: _option(name, field, is_needed=is_needed) for name, field in fields.items()}
    of_spec = {name: _option(name, field, kinds) for name, field, kinds in _spec_fields()}
    places = {"parameters": of_parameters.values(), "spec": [_picker_option(), *of_spec.values()]}
    made = [one for name, own_one in own.items() for one in places.get(name, [own_one])]

    @wraps(command)
    def with_options(**values: Any) -> None:
        how = {name: _value(values.pop(name), field) for name, field in fields.items()}
        stated = {name: value for name, value in how.items() if value is not None}
        missing = any(field.is_required() and name not in stated for name, field in fields.items())
        parameters = None if missing else PickParameters(**stated)
        kind = str(values.pop("picker"))
        given = {name: _value(values.pop(name), field) for name, field, _ in _spec_fields()}
        command(**values, parameters=parameters, spec=picker_spec(kind, **given))

    keyword = inspect.Parameter.KEYWORD_ONLY  # so that those that are required may follow others
    signature = inspect.Signature([one.replace(kind=keyword) for one in made])
    with_options.__signature__ = signature  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in made}
    return with_options


def picker_spec(picker: str, **given: Any) -> NetworkSpec:
    """Return what is to be picked with.

    Parameters
    ----------
    picker : str
        Its kind.
    **given
        Fields of its specification; None for those that are not given.

    Raises
    ------
    ParameterError
        If one is another picker's, is no regular file (a pipe would be waited for, for ever), or a library is
        no folder.
    """
    kind = NETWORKS[picker]
    called = {name: _called(name, field) for name, field, _ in _spec_fields()}
    values = {name: value for name, value in given.items() if value is not None}
    for name, value in values.items():
        if name not in kind.model_fields:
            raise ParameterError(f"{called[name]}: not for --picker {picker}; leave it out")
        is_there = isinstance(value, str | Path) and os.path.exists(value)
        if is_there and not (os.path.isfile(value) or os.path.isdir(value)):
            raise ParameterError(f"{called[name]}: not a regular file: {value}")
    for folder in values.get("libraries", ()):
        if not folder.is_dir():
            raise ParameterError(f"{called['libraries']} {folder}: no such folder")
    return kind(**values)


def _spec_fields() -> Iterator[tuple[str, FieldInfo, tuple[str, ...]]]:
    """The fields of all specifications, each once, and the kinds of pickers that have them."""
    fields = {name: field for spec in NETWORKS.values() for name, field in spec.model_fields.items()}
    for name, field in fields.items():
        if name != "kind":
            yield name, field, tuple(kind for kind, spec in NETWORKS.items() if name in spec.model_fields)


def _option(
    name: str, field: FieldInfo, kinds: tuple[str, ...] = tuple(NETWORKS), is_needed: bool = True
) -> inspect.Parameter:
    """Make the option of a field; it is None where it is not given."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    text, kind = field.description or "", field.annotation
    text = f"Do not {text[:1].lower()}{text[1:]}" if field.default is True else text
    text += ", Angstrom" if name.endswith("_angstrom") else ""
    text += f"; {extra['unset']} by default" if "unset" in extra else ""
    text = text if len(kinds) == len(NETWORKS) else f"{', '.join(kinds)}: {text}"
    shown: Any = field.default if isinstance(field.default, str) else False
    if get_origin(kind) is Literal:
        kind = _words(name, get_args(kind))
    elif get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]  # type: ignore[misc, assignment]
    declared = typer.Option(_called(name, field), help=f"{text}.", show_default=shown)
    is_needed = is_needed and field.is_required()
    default = inspect.Parameter.empty if is_needed else False if kind is bool else None
    optional = kind if is_needed or kind is bool else kind | None  # type: ignore[operator]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[optional, declared]
    )


def _called(name: str, field: FieldInfo) -> str:
    return option(switch_off(name) if field.default is True else name)


def _picker_option() -> inspect.Parameter:
    words = _words("picker", tuple(NETWORKS))
    return inspect.Parameter(
        "picker", inspect.Parameter.KEYWORD_ONLY, default=next(iter(words)),
        annotation=Annotated[words, typer.Option("--picker", help=_PICKER)],
    )  # fmt: skip


def _words(name: str, words: tuple[str, ...]) -> Any:
    enumeration: Any = StrEnum
    return enumeration(name, {word.upper(): word for word in words})


def _value(given: Any, field: FieldInfo) -> Any:
    """Return what an option says of its field; None where it says nothing."""
    if isinstance(given, bool):
        return (not field.default) if given else None
    if isinstance(given, StrEnum):
        return given.value
    return tuple(given) or None if isinstance(given, list) else given
