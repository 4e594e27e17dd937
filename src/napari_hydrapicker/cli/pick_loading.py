"""The picker that the options of `hydrapicker pick` name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_hydrapicker.cli.pickers import PickerName, Quality
from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.picking.run_config import NetworkFile

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker
    from napari_hydrapicker.picking.head_library import HeadLibrary


@dataclass(frozen=True)
class Choice:
    """The options that say which picker to load, and how it computes."""

    picker: PickerName
    weights: Path | None
    head: str | None
    library: Path | None
    device: str
    tile: int | None
    no_split: bool
    quality: Quality = Quality.FAST

    def check(self) -> None:
        """Refuse options of the other picker, and what is no file: a pipe would be waited for, for ever.

        Raises
        ------
        ParameterError
            If there is one.
        """
        for option, path in (("--weights", self.weights), ("--head", self.head)):
            if (
                path is not None
                and os.path.exists(path)
                and not (os.path.isfile(path) or os.path.isdir(path))
            ):
                raise ParameterError(f"{option}: not a regular file: {path}")
        hydra_only: dict[str, object] = {"--head": self.head, "--library": self.library, "--tile": self.tile}
        if self.quality is not Quality.FAST:
            hydra_only["--quality"] = self.quality
        cgan_only: dict[str, object] = {"--no-split": self.no_split or None}
        for option, value in (hydra_only if self.picker is PickerName.CGAN else cgan_only).items():
            if value is not None:
                raise ParameterError(f"{option}: not for --picker {self.picker}; leave it out")

    def load(self) -> tuple[Picker, NetworkFile, NetworkFile | None]:
        """Load the picker; return it with what identifies its network or generator, and its head.

        Raises
        ------
        WeightsError
            If a file is none of ours or is damaged, or the head belongs to another network.
        ParameterError
            If there is no such head, generator or device, or tiles cannot have this size.
        """
        return self._load_cgan() if self.picker is PickerName.CGAN else self._load_hydra()

    def _load_cgan(self) -> tuple[Picker, NetworkFile, None]:
        from napari_hydrapicker.cgan.weights import bundled_path
        from napari_hydrapicker.picking.cgan import CGanPicker
        from napari_hydrapicker.picking.model_files import find_generator, user_generators

        path = self.weights
        if path is not None and not path.suffix and not path.exists():
            path = find_generator(str(path), [user_generators()])
        loaded = CGanPicker.load(path, self.device, not self.no_split)
        # Without any generator it would not have been loaded.
        return loaded, NetworkFile.of(cast(Path, path or bundled_path())), None

    def _load_hydra(self) -> tuple[Picker, NetworkFile, NetworkFile]:
        from napari_hydrapicker.hydra.bundled import bundled_path
        from napari_hydrapicker.picking.head_library import HeadLibrary, user_library
        from napari_hydrapicker.picking.hydra import HydraNetPicker

        if self.library is not None and not self.library.is_dir():
            raise ParameterError(f"--library {self.library}: no such folder")
        head = "generic" if self.head is None else self.head
        given = [] if self.library is None else [HeadLibrary(self.library)]
        loaded = HydraNetPicker.load(self.weights, head, self.device, self.tile, given, self.quality.value)
        path = self.weights or bundled_path()
        return loaded, NetworkFile.of(path), _head_file(head, path, [*given, user_library()])


def _head_file(head: str, weights: Path, libraries: Sequence[HeadLibrary]) -> NetworkFile:
    """Return what identifies a head that was found: the network's own, a file's, or a library's."""
    from napari_hydrapicker.hydra.bundled import head_names
    from napari_hydrapicker.picking.head_library import SUFFIX, find

    if head in head_names(weights):
        return NetworkFile(name=head)
    library = None if head.endswith(SUFFIX) else find(head, libraries)
    return NetworkFile.of(Path(head) if library is None else library.path(head))
