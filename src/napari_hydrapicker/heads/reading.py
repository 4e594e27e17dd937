"""Reading what a head's file says about it, without its tensors and without torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError, safe_open

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.heads.record import HEAD_FORMAT, HEAD_FORMAT_VERSION, HeadRecord

GET_ANOTHER = "Copy the file again, or choose another head."


def read_record(path: Path) -> HeadRecord:
    """Return the record of a head's file.

    Raises
    ------
    WeightsError
        If the file cannot be read, is none of ours, is damaged, or comes from a newer version.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}). Check the path.") from error
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file, or damaged ({error}). {GET_ANOTHER}") from error
    if header.get("format") != HEAD_FORMAT:
        raise WeightsError(f"{path}: a safetensors file, but not a {HEAD_FORMAT}. {GET_ANOTHER}")
    return parse_record(path, header)


def parse_record(path: Path, header: dict[str, str]) -> HeadRecord:
    """Return the record in a file's header.

    Raises
    ------
    WeightsError
        If it is damaged or comes from a newer version.
    """
    try:
        content = from_json(header.get("record", ""))
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > HEAD_FORMAT_VERSION:
            raise WeightsError(
                f"{path}: written by a newer version of napari-hydrapicker (head format {version}, this one "
                f"reads up to {HEAD_FORMAT_VERSION}). Update napari-hydrapicker."
            )
        return HeadRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WeightsError(
            f"{path}: its record is invalid: {place}: {first['msg']}. {GET_ANOTHER}"
        ) from error
    except ValueError as error:
        raise WeightsError(f"{path}: its record is not JSON ({error}). {GET_ANOTHER}") from error
