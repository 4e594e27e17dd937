"""The picker that the options of `hydrapicker pick` name, and what identifies it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from napari_hydrapicker.cli.options import ContrastName, PickerName, Quality
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec
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
    hydra_only: dict[str, object] = {"--head": head, "--library": library, "--tile": tile}
    if quality is not Quality.FAST:
        hydra_only["--quality"] = quality
    cgan_only: dict[str, object] = {"--no-split": no_split or None}
    for option, value in (hydra_only if picker is PickerName.CGAN else cgan_only).items():
        if value is not None:
            raise ParameterError(f"{option}: not for --picker {picker}; leave it out")
    if picker is PickerName.CGAN:
        from napari_hydrapicker.picking.model_files import generator_file

        file = None if weights is None else generator_file(weights)
        return CGanSpec(weights=file, split=not no_split)
    if library is not None and not library.is_dir():
        raise ParameterError(f"--library {library}: no such folder")
    return HydraSpec(
        weights=weights, head="generic" if head is None else head,
        libraries=() if library is None else (library,), contrast=contrast.value, quality=quality.value,
        tile_wpx=tile,
    )  # fmt: skip


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
