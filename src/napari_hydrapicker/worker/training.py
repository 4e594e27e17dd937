"""Training a head in the worker process, and saving what can be trained."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from pathlib import Path

import torch

from napari_hydrapicker.errors import HydraPickerError, ParameterError, WeightsError
from napari_hydrapicker.hydra import weights as network_file
from napari_hydrapicker.hydra.device import choose_device
from napari_hydrapicker.hydra.head_record import HeadRecord, free_name
from napari_hydrapicker.picking.library import HeadLibrary, bundled_path, check_not_own, check_room
from napari_hydrapicker.training.few_shot import FewShotProgress, FewShotResult
from napari_hydrapicker.training.finetune import finetune
from napari_hydrapicker.worker import cgan_training
from napari_hydrapicker.worker.messages import LongRequest, Made, MakeRequest, Trained, Training, TrainRequest


def train(request: TrainRequest, report: Callable[[Training], None]) -> tuple[FewShotResult, HeadRecord]:
    """Train a head as the request says, reporting the progress.

    Raises
    ------
    HydraPickerError
        If there is a head of that name that may not be replaced, it could be kept nowhere, the network or a
        micrograph cannot be used, or memory is too short.
    """
    taken = next((one for one in _libraries(request) if request.name in one.names()), None)
    if taken is not None and not request.replace:
        raise ParameterError(
            f"{taken.folder}: there is a head called {request.name!r} already; choose another name"
        )
    check_room([one.folder for one in _libraries(request)])
    # All cores, unlike picking, which goes on for hours: the process' low priority keeps the window usable.
    torch.set_num_threads(os.cpu_count() or 1)
    path = bundled_path() if request.weights is None else Path(request.weights)
    check_not_own(request.name, path)
    model, metadata = network_file.load(path, [])

    def send(p: FewShotProgress) -> None:
        loss = None if math.isnan(p.loss) else p.loss
        report(Training(request.job, p.stage, p.done, p.total, p.seconds, loss, p.validation_ap))

    model = model.to(choose_device(request.device))
    return finetune(
        model, metadata, request.micrographs, request.diameter_angstrom, request.name, report=send
    )


def save(request: TrainRequest, result: FewShotResult, record: HeadRecord) -> Trained:
    """Save the head in every library that the request names, or in those where it can be.

    Minutes of training are not thrown away because one folder cannot be written, which is remarked, nor
    because the name was given to another head meanwhile: it gets a number then.

    Raises
    ------
    WeightsError
        If none of the folders can be written.
    """
    libraries = _libraries(request)
    if not request.replace:
        record = record.model_copy(update={"name": _free_name(record.name, libraries)})
    problems = []
    for library in libraries:
        try:
            library.add(result.head, record, overwrite=request.replace)
        except HydraPickerError as error:
            problems.append(str(error))
    if len(problems) == len(libraries):
        raise WeightsError("; ".join(problems))
    return Trained(
        request.job, record.name, result.before.ap, result.after.ap, result.held_out, result.steps,
        result.seconds, "".join(f"It is not kept in a second place: {problem}" for problem in problems),
        result.marks_only, result.error,
    )  # fmt: skip


def _libraries(request: TrainRequest) -> list[HeadLibrary]:
    return [HeadLibrary(Path(folder)) for folder in request.libraries]


def _free_name(name: str, libraries: list[HeadLibrary]) -> str:
    taken: set[str] = set()
    for library in libraries:
        with contextlib.suppress(WeightsError):  # one that cannot be read is not going to be written either
            taken.update(library.names())
    return free_name(name, taken)


def trained(request: LongRequest, report: Callable[[Training], None]) -> Callable[[], Trained | Made]:
    """Do the long part of a request, reporting the progress; what is returned saves what came of it.

    Raises
    ------
    HydraPickerError
        As `train` and `cgan_training.make`; the function returned as their `save`.
    """
    if isinstance(request, MakeRequest):
        made = cgan_training.make(request, report)
        return lambda: cgan_training.save(request, made)
    result, record = train(request, report)
    return lambda: save(request, result, record)
