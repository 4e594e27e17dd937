"""Training a cGAN picker for particles of the user's size and number, in the worker process."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_hydrapicker.cgan.background import Patch, free_patches
from napari_hydrapicker.cgan.preprocess import to_working_image
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.errors import MicrographError, ParameterError
from napari_hydrapicker.hydra.device import choose_device
from napari_hydrapicker.imaging.rescale import pixel_angstrom
from napari_hydrapicker.picking.library import GeneratorLibrary
from napari_hydrapicker.training.cgan import CGanParameters, CGanProgress
from napari_hydrapicker.training.cgan_data import PairMaker, varied
from napari_hydrapicker.training.cgan_publish import FILE, make_picker
from napari_hydrapicker.training.checkpoint import read_progress
from napari_hydrapicker.worker.job_directory import CHECKPOINT, JobDirectory
from napari_hydrapicker.worker.messages import Made, MakeRequest, Training

_CHECKPOINT_STEPS = 20  # seconds of work, which is what a cancellation loses
_REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Result:
    """A generator in the job's directory: what its file says, how many micrographs served, the seconds."""

    meta: GeneratorMetadata
    backgrounds: int
    seconds: float


def make(request: MakeRequest, report: Callable[[Training], None]) -> Result:
    """Train a generator as the request says, or go on from its last checkpoint, reporting the progress.

    Raises
    ------
    HydraPickerError
        If no micrograph can be read, diameter and number do not fit on them, the checkpoint is damaged, or
        the job's directory cannot be written.
    """
    start = time.monotonic()
    torch.set_num_threads(os.cpu_count() or 1)
    progress = _Progress(request, report, start)
    patches, shape = _particle_free(request, progress)
    ranges = SynthesisParameters.for_particles(number=request.number, shape_wpx=shape)
    maker = PairMaker(varied(ranges), patches=patches)
    parameters = CGanParameters(steps=request.steps, check_every=_CHECKPOINT_STEPS)
    meta = make_picker(
        maker, JobDirectory(request.folder).work, parameters, device=choose_device(request.device),
        report=progress.report, cancelled=progress.step,
    )  # fmt: skip
    assert meta is not None  # it is for a training that `step` has cancelled, which it never does
    return Result(meta, len(patches), time.monotonic() - start)


def save(request: MakeRequest, result: Result) -> Made:
    """Keep the generator in every library that the request names, and remove its checkpoints.

    The name gets a number if another generator was given it meanwhile.

    Raises
    ------
    WeightsError
        If a folder cannot be written.
    """
    work = JobDirectory(request.folder).work
    libraries = [GeneratorLibrary(Path(folder)) for folder in request.libraries]
    name = GeneratorLibrary.free_name(request.name, libraries)
    for library in libraries:
        library.add(work / FILE, name)
    shutil.rmtree(work, ignore_errors=True)  # what is left of it does no harm
    figures = result.meta.training.get("held_out")
    known = figures if isinstance(figures, dict) else {}
    precision, recall = (_number(known.get(one)) for one in ("precision", "recall"))
    return Made(request.job, name, precision, recall, result.backgrounds, request.steps, result.seconds)


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


class _Progress:
    """Reports how far a training is, not more often than anybody would look."""

    def __init__(self, request: MakeRequest, report: Callable[[Training], None], start: float) -> None:
        self._request, self._report, self._start = request, report, start
        checkpoint = JobDirectory(request.folder).work / CHECKPOINT
        self._done = int(read_progress(checkpoint)["step"]) if checkpoint.exists() else 0
        self._sent = 0.0

    def send(self, stage: str, done: int, total: int, loss: float | None = None) -> None:
        """Report it."""
        self._sent = time.monotonic()
        self._report(Training(self._request.job, stage, done, total, self._sent - self._start, loss, None))

    def report(self, now: CGanProgress) -> None:
        """Take the training's own report, which has the losses and comes every few steps."""
        self._done = now.step
        self.send("training", now.step, now.steps, now.data)
        if now.step == now.steps:
            self.send("testing", 0, 1)

    def step(self) -> bool:
        """Count a step between two reports; asked after each whether to stop, it returns False."""
        self._done += 1
        if time.monotonic() - self._sent >= _REPORT_SECONDS and self._done < self._request.steps:
            self.send("training", self._done, self._request.steps)
        return False


def _particle_free(request: MakeRequest, progress: _Progress) -> tuple[list[list[Patch]], tuple[int, int]]:
    """Find the particle-free areas of the micrographs that have some, and the shape of a working image.

    One that cannot be read is passed over, unless all are such.
    """
    found: list[list[Patch]] = []
    shapes: list[tuple[int, int]] = []
    problems: list[MicrographError] = []
    total = len(request.micrographs)
    for done, micrograph in enumerate(request.micrographs):
        progress.send("backgrounds", done, total)
        try:
            length_px = request.diameter_angstrom / pixel_angstrom(micrograph)
            working = to_working_image(micrograph.pixels(), length_px, edited=micrograph.mask)
        except MicrographError as error:
            problems.append(error)
            continue
        shapes.append((working.image.shape[0], working.image.shape[1]))
        if patches := free_patches(working):
            found.append(patches)
    if not shapes:
        raise problems[0] if problems else ParameterError("no micrograph to make a picker for: open some")
    return found, shapes[0]
