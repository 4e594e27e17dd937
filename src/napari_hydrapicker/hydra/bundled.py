"""The network that comes with the package, and the names of a network's heads: without torch."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pydantic_core import from_json
from safetensors import SafetensorError, safe_open

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.io.safetensors import unreadable


def weights_folder() -> Path:
    """Folder of the networks that come with the package."""
    return Path(str(resources.files("napari_hydrapicker"))) / "weights"


def bundled_path() -> Path:
    """Path of the network that comes with the package.

    Raises
    ------
    WeightsError
        If the installation lacks it.
    """
    path = weights_folder() / "compact.safetensors"
    if not path.is_file():
        raise WeightsError(f"{path}: the bundled network is missing. Install napari-hydrapicker again.")
    return path


def head_names(path: Path | None = None) -> list[str]:
    """Names of a network's heads, of the bundled one by default; the generic one is the first.

    Raises
    ------
    WeightsError
        If the file is none of ours or cannot be read.
    """
    path = path or bundled_path()
    try:
        with safe_open(path, framework="numpy") as file:
            content = from_json((file.metadata() or {}).get("metadata", ""))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({unreadable(path, error)}). Check the path.") from error
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: not one of our networks ({error}). Choose another file.") from error
    names = content.get("heads") if isinstance(content, dict) else None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise WeightsError(f"{path}: it does not say which heads it has. Choose another file.")
    return names


def check_not_own(name: str, path: Path | None = None) -> None:
    """Refuse a name for a kept head that one of the network's own has: that one would be picked with.

    Raises
    ------
    ParameterError
        If the network, by default the bundled one, has a head of this name.
    WeightsError
        If its file is none of ours or cannot be read.
    """
    if name in head_names(path):
        raise ParameterError(f"the network has a head called {name!r} of its own; choose another name")
