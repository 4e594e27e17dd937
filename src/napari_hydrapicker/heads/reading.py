"""Reading what a head's file says about it, without its tensors and without torch."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from napari_hydrapicker.description import parse, unreadable
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
        raise WeightsError(f"{path}: cannot be read ({unreadable(path, error)}). Check the path.") from error
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
    text = header.get("record", "")
    return parse(path, text, HeadRecord, HEAD_FORMAT_VERSION, ("head format", "record"), GET_ANOTHER)
