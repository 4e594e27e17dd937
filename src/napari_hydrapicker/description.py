"""What a file of weights says about itself: JSON in its header, checked against a model. Without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from napari_hydrapicker.errors import WeightsError

Described = TypeVar("Described", bound=BaseModel)


def parse(
    path: Path, text: str, model: type[Described], newest: int, called: tuple[str, str], advice: str
) -> Described:
    """Read a description.

    Parameters
    ----------
    path
        Of the file that it is in.
    text
        The JSON; its ``format_version`` is looked at first.
    model
        What it has to be.
    newest
        The newest version that this program reads.
    called
        What messages call the format, and the description.
    advice
        What to do with a file that is damaged.

    Raises
    ------
    WeightsError
        If it is damaged or comes from a newer version.
    """
    format_name, noun = called
    try:
        content = from_json(text)
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > newest:
            raise WeightsError(
                f"{path}: written by a newer version of napari-hydrapicker ({format_name} {version}, this "
                f"one reads up to {newest}). Update napari-hydrapicker."
            )
        return model.model_validate(content)
    except ValidationError as error:
        raise WeightsError(f"{path}: its {noun} is invalid: {reason(error)}. {advice}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: its {noun} is not JSON ({error}). {advice}") from error


def unreadable(path: Path, error: OSError) -> str:
    """Say in a word or two why a file of weights cannot be read."""
    # Mapping a folder into memory fails in words that do not tell.
    return "it is a folder" if path.is_dir() else error.strerror or str(error)


def reason(error: ValidationError) -> str:
    """Say where the first thing is that is wrong, and what."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
