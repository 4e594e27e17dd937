"""Which files a picker is loaded from: its network or generator, and its head. Without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.library import (
    SUFFIX,
    GeneratorLibrary,
    HeadLibrary,
    bundled_generator,
    bundled_path,
    find,
    head_names,
    names_of,
    user_generators,
    user_library,
)
from napari_hydrapicker.picking.parameters import (
    CGanSpec,
    ConsensusSpec,
    HydraSpec,
    NetworkFile,
    NetworkSpec,
    PickerSpec,
)


def find_generator(chosen: str, libraries: Sequence[GeneratorLibrary]) -> Path:
    """Return the file of a generator: the first library's that has one of this name, or the file named.

    Raises
    ------
    ParameterError
        If there is neither.
    """
    if Path(chosen).suffix or Path(chosen).is_absolute():
        if not Path(chosen).is_file():
            raise ParameterError(
                f"{chosen}: there is no such file any more: choose another generator in Pick"
            )
        return Path(chosen)
    library = find(chosen, libraries)
    if library is None:
        folders = " or ".join(str(one.folder) for one in libraries)
        known = ", ".join(names_of(libraries)) or "none"
        raise ParameterError(f"there is no generator called {chosen!r} in {folders}; there are: {known}")
    return library.path(chosen)


def generator_file(given: Path) -> Path:
    """Return the file that is meant by a path: that path, or, if it is a bare name, a kept generator's file.

    Raises
    ------
    ParameterError
        If no generator of this name is kept.
    """
    if given.suffix or given.exists():
        return given
    return find_generator(str(given), [user_generators()])


def head_file(spec: HydraSpec) -> Path | None:
    """Return the file of the head that a specification names; None for one of the network's own.

    The network's own heads come first, then the libraries of the specification, then the user's.

    Raises
    ------
    ParameterError, WeightsError
        If there is no such head; if the network's file is none of ours, or a folder cannot be read.
    """
    own = head_names(spec.weights)
    if spec.head in own:
        return None
    if spec.head.endswith(SUFFIX):
        return Path(spec.head)
    libraries = [*map(HeadLibrary, spec.libraries), user_library()]
    library = find(spec.head, libraries)
    if library is None:
        known = ", ".join([*own, *names_of(libraries)])
        raise ParameterError(f"There is no head called {spec.head!r}. Choose one of: {known}.")
    return library.path(spec.head)


def model_files(spec: NetworkSpec) -> tuple[Path | None, Path | None]:
    """Return the files that a picker is loaded from: its network or generator, and its head.

    None stands for what has no file of its own. Raises as `head_file`.
    """
    if isinstance(spec, HydraSpec):
        return spec.weights or bundled_path(), head_file(spec)
    if isinstance(spec, CGanSpec):
        return bundled_generator() if spec.weights is None else generator_file(spec.weights), None
    return None, None


def identified(spec: PickerSpec) -> tuple[NetworkFile, NetworkFile | None]:
    """Return what identifies the network or generator of a picker, and its head; a consensus' are as one.

    Raises OSError if a file cannot be read; otherwise as `head_file`.
    """
    if isinstance(spec, ConsensusSpec):
        each = [file and file.model_dump_json() for one in spec.members for file in identified(one)]
        content = hashlib.sha256(repr(each).encode()).hexdigest()
        return NetworkFile(name=spec.kind, sha256=content), None
    weights, head = model_files(spec)
    network = NetworkFile(name=spec.kind) if weights is None else NetworkFile.of(weights)
    if not isinstance(spec, HydraSpec):
        return network, None
    return network, NetworkFile(name=spec.head) if head is None else NetworkFile.of(head)
