"""Picking in the worker process: with the engine of the command line, and the last picker kept loaded."""

from __future__ import annotations

import os
from collections.abc import Container, Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from napari_hydrapicker.errors import MicrographError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.base import Picker, load_picker
from napari_hydrapicker.picking.batch import WITH_LOG, default_threads, most_under_way, pick_all
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.model_files import model_files
from napari_hydrapicker.picking.parameters import ConsensusSpec, HydraSpec, PickerSpec
from napari_hydrapicker.picking.prepared_run import RunOptions, prepared
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.worker.messages import Estimated, Failed, Picked, PickRequest

if TYPE_CHECKING:
    from napari_hydrapicker.picking.hydra import HydraNetPicker


class PickerCache:
    """Holds one picker: more networks than it needs may not fit into the memory of a GPU."""

    def __init__(self) -> None:
        self._loaded: tuple[object, Picker] | None = None

    def get(self, request: PickRequest) -> Picker:
        """Return the picker that a request asks for.

        Raises
        ------
        HydraPickerError
            If there is no such network, generator, head, device or file of picks, or they do not fit
            together.
        """
        _leave_a_core_free()
        spec = request.picker
        # The picks of another program are read anew for each job: a folder does not show that a file in it
        # has changed.
        job = request.job if isinstance(spec, ConsensusSpec) and spec.imported else None
        key = (request.device, job, _version(spec))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # before the next one takes memory
            self._loaded = (key, load_picker(spec, request.device))
        return self._loaded[1]


def remark_on(picker: Picker) -> str:
    """Return what the user should know of what was loaded; "" for nothing."""
    from napari_hydrapicker.picking.consensus import JointPicker

    imported = picker.imported if isinstance(picker, JointPicker) else None
    return "" if imported is None else imported.remark


def device_name(picker: Picker) -> str:
    """Return what a picker's network, or the first of several, runs on, as the user knows it."""
    import torch

    device = torch.device(picker.device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    names = {"cpu": f"CPU, {threads} thread{'s' * (threads > 1)}", "mps": "Apple GPU"}
    return names.get(device.type, str(device))


def _version(spec: PickerSpec) -> tuple[object, ...]:
    """What identifies a picker, the state of its files included; none of it reads a network."""
    if isinstance(spec, ConsensusSpec):
        return (spec, *map(_version, spec.members))
    # The contrast is the loaded picker's to change.
    named = spec.model_copy(update={"contrast": "auto"}) if isinstance(spec, HydraSpec) else spec
    return (named, *map(_changed, model_files(spec)))


def _changed(path: Path | None) -> int | None:
    """When a file was changed: another may have been saved under its name since."""
    return path.stat().st_mtime_ns if path is not None and path.exists() else None


def _leave_a_core_free() -> None:
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1)))


def estimate(picker: HydraNetPicker, request: PickRequest) -> Estimated:
    """Look for the particles' diameter and contrast.

    Raises
    ------
    HydraPickerError
        If none of the micrographs can be picked at any diameter.
    """
    from napari_hydrapicker.picking.survey import estimate_diameter

    micrographs = _present(request)
    if not micrographs:
        raise MicrographError("none of the micrographs can be read")
    contrast = request.picker.known_contrast if isinstance(request.picker, HydraSpec) else None
    found, seen = estimate_diameter(picker, micrographs, None, contrast)
    return Estimated(request.job, found.best_angstrom if found.is_telling else None, seen)


def _present(request: PickRequest) -> list[Micrograph]:
    """Return those micrographs whose files are there; the others are reported when their turn comes."""
    return [one for one in request.micrographs.values() if one.path.is_file()]


class FolderRun:
    """A run of the engine of `hydrapicker pick` into the folder of a project's results.

    A run that is broken off is gone on with by the next one of the same options, whose results stay there;
    what other options gave stays for micrographs that are not picked anew.

    Parameters
    ----------
    picker : Picker
        Loaded.
    request : PickRequest
        What to pick.
    known : Manifest, optional
        Of the last run, which need not be read again if it is the same folder's.

    Raises
    ------
    CoordinateFileError
        If the folder's manifest cannot be read.
    HydraPickerError
        If the picker's files are gone.
    """

    def __init__(self, picker: Picker, request: PickRequest, known: Manifest | None = None) -> None:
        spec = request.picker
        # The picks of another program may have changed, without a sign of it in the options.
        anew = isinstance(spec, ConsensusSpec) and spec.imported is not None
        options = RunOptions(
            request.folder, spec, request.parameters, threshold=0.0, device=request.device, formats=(),
            overwrite=anew, mixed=True,
        )  # fmt: skip
        self._request = request
        self._run = prepared(options, _present(request), picker, _manifest(request.folder, known))
        self.picker = self._run.picker
        self._threads = default_threads(self.picker.device)
        self.remark = "; ".join(one for one in (remark_on(self.picker), *self._run.remarks) if one)

    @property
    def manifest(self) -> Manifest:
        """Of the folder, for the next run."""
        return self._run.folder.manifest

    def begin(self) -> None:
        """Make the folder, or find out what is done in it; raises as `OutputFolder.begin`."""
        folder, micrographs = self._run.folder, list(self._request.micrographs.values())
        if folder.manifest.exists and len(micrographs) > 1 and not folder.n_done(micrographs):
            folder.clear()  # all would be replaced: the manifest, which only grows, can begin anew
        folder.begin(micrographs)

    def answers(self) -> Generator[Picked | Failed, None, None]:
        """Pick, reading ahead and writing behind; an answer for each micrograph, in their order.

        Raises
        ------
        OutputFolderError
            If the disk is full or the folder is lost.
        """
        folder, wanted = self._run.folder, self._request.micrographs
        with closing(pick_all(self.picker, wanted.values(), folder, self._threads)) as results:
            for number, result in zip(wanted, results, strict=True):
                yield self._answer(number, result)

    def rest(self, answered: Container[int]) -> Generator[Picked | Failed, None, None]:
        """Answers of what was written while the run was being broken off, but for those given already."""
        wanted = self._request.micrographs
        begun = islice((one for one in wanted if one not in answered), most_under_way(self._threads))
        for number in begun:
            if (result := self._run.folder.done(wanted[number])) is not None:
                yield self._answer(number, result)

    def _answer(self, number: int, result: MicrographResult) -> Picked | Failed:
        job = self._request.job
        if result.error:
            return Failed(job, number, result.error.removesuffix(WITH_LOG))
        picks = self.manifest.picks([result.name])[result.name]
        yx = tuple((y, x) for y, x in picks.yx.tolist())
        return Picked(
            job, number, yx, tuple(picks.score.tolist()), result.seconds or 0.0, result.earlier,
            result.masked_share,
        )  # fmt: skip


def _manifest(folder: Path, known: Manifest | None) -> Manifest:
    """Return the manifest of a folder as it is now."""
    if known is None or known.path.parent != folder or not known.path.exists():
        known = Manifest(folder)
    known.refresh()
    return known
