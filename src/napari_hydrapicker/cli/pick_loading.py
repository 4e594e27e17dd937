"""The picker that the options of `hydrapicker pick` name, and what identifies it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from napari_hydrapicker.cli.options import ContrastName, PickerName, Quality
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import SPECS, CGanSpec, HydraSpec
from napari_hydrapicker.picking.run_config import NetworkFile


def picker_spec(
    picker: PickerName,
    weights: Path | None = None,
    head: str | None = None,
    library: Path | None = None,
    tile: int | None = None,
    no_split: bool = False,
    quality: Quality = Quality.FAST,
    contrast: ContrastName = ContrastName.AUTO,
) -> HydraSpec | CGanSpec:
    """What the options say that is to be picked with.

    Raises
    ------
    ParameterError
        If one is of the other picker, is no regular file (a pipe would be waited for, for ever), or names a
        folder or generator that is not there.
    """
    for option, path in (("--weights", weights), ("--head", head)):
        if path is not None and os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            raise ParameterError(f"{option}: not a regular file: {path}")
    values: dict[str, tuple[str, object]] = {  # option, and its field and value unless it is the default
        "--weights": ("weights", weights), "--head": ("head", head), "--tile": ("tile_wpx", tile),
        "--library": ("libraries", None if library is None else (library,)),
        "--quality": ("quality", None if quality is Quality.FAST else quality.value),
        "--contrast": ("contrast", None if contrast is ContrastName.AUTO else contrast.value),
        "--no-split": ("split", False if no_split else None),
    }  # fmt: skip
    kind = SPECS[picker.value]
    given = {option: value for option, value in values.items() if value[1] is not None}
    for option, (field, _) in given.items():
        if field not in kind.model_fields:
            raise ParameterError(f"{option}: not for --picker {picker}; leave it out")
    if library is not None and not library.is_dir():
        raise ParameterError(f"--library {library}: no such folder")
    spec = kind(**dict(given.values()))
    if isinstance(spec, CGanSpec) and weights is not None:
        from napari_hydrapicker.picking.model_files import generator_file

        return spec.model_copy(update={"weights": generator_file(weights)})
    assert isinstance(spec, HydraSpec | CGanSpec)
    return spec


def identified(spec: HydraSpec | CGanSpec) -> tuple[NetworkFile, NetworkFile | None]:
    """What identifies the network or generator of a picker that could be loaded, and its head."""
    if isinstance(spec, CGanSpec):
        from napari_hydrapicker.cgan.weights import bundled_path as bundled_generator

        # Without any generator it would not have been loaded.
        return NetworkFile.of(cast(Path, spec.weights or bundled_generator())), None
    from napari_hydrapicker.hydra.bundled import bundled_path

    path = spec.weights or bundled_path()
    return NetworkFile.of(path), _head_file(spec, path)


def _head_file(spec: HydraSpec, weights: Path) -> NetworkFile:
    """Return what identifies a head that was found: the network's own, a file's, or a library's."""
    from napari_hydrapicker.hydra.bundled import head_names
    from napari_hydrapicker.picking.head_library import SUFFIX, HeadLibrary, find, user_library

    head = spec.head
    if head in head_names(weights):
        return NetworkFile(name=head)
    libraries = [*map(HeadLibrary, spec.libraries), user_library()]
    library = None if head.endswith(SUFFIX) else find(head, libraries)
    return NetworkFile.of(Path(head) if library is None else library.path(head))
