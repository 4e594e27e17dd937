"""What a training by command was given, so that going on with something else is not done unnoticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from napari_hydrapicker.cli.interruption import has_checkpoint
from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.files import write_files

FILE: Final = "settings.json"
_SHOWN = 40  # characters of a value


def remember(out: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Write down the settings of a training; returns the earlier ones that its checkpoint was made with.

    Parameters
    ----------
    out
        The training's folder; where it holds no checkpoint the training begins, and nothing is earlier.
    settings
        By name, as JSON can hold them.

    Raises
    ------
    ParameterError
        If the file is damaged or cannot be written.
    """
    path = out / FILE
    known: list[dict[str, Any]] = []
    try:
        if has_checkpoint(out) and path.exists():
            known = json.loads(path.read_text())
            if not (isinstance(known, list) and all(isinstance(one, dict) for one in known)):
                raise ValueError("it is no list of settings")
        settings = json.loads(json.dumps(settings))  # tuples are lists there
        known = [one for one in known if one != settings]
        text = json.dumps([*known, settings], indent=2) + "\n"
        write_files({path: text.encode()}, overwrite=True)  # whole, or what was there before
    except (OSError, ValueError, CoordinateFileError) as error:
        raise ParameterError(
            f"{path}: cannot be read or written ({error}); mend or delete it, or choose another --out"
        ) from error
    return known


def changes(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    """Say in which settings two differ; empty if in none."""

    def shown(value: Any) -> str:
        text = "the default" if value is None else str(value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    names = [name for name in {**earlier, **now} if earlier.get(name) != now.get(name)]
    return "; ".join(f"{name} {shown(earlier.get(name))} then, {shown(now.get(name))} now" for name in names)
