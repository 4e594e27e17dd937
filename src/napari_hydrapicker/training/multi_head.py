"""Phase 2: a head for each data set and the generic head over one body (thesis, sections 3.2 and 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.hydra.model import HydraPicker
from napari_hydrapicker.training import loop
from napari_hydrapicker.training.multi_head_parameters import MultiHeadParameters
from napari_hydrapicker.training.multi_head_trainer import MultiHeadTrainer
from napari_hydrapicker.training.multi_head_validation import MultiHeadAP
from napari_hydrapicker.training.sources import Crop, Source

__all__ = ["MultiHeadParameters", "MultiHeadProgress", "train_multi_head"]


@dataclass(frozen=True)
class MultiHeadProgress:
    """What training reports: its losses (means since the last report; `bias` is Eq. 3.4), AP or None."""

    step: int
    steps: int
    loss: float
    localisation: float
    bias: float
    seconds: float
    ap: MultiHeadAP | None = None


def train_multi_head(
    model: HydraPicker,
    sources: Sequence[Source],
    weights: Sequence[float],
    validation: Mapping[str, Sequence[Crop]],
    folder: Path,
    parameters: MultiHeadParameters | None = None,
    report: Callable[[MultiHeadProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
) -> HydraPicker:
    """Train body, generic head and a head for each data set; goes on from a checkpoint in `folder`.

    What is minimised is the mean over the data sets, each drawn by its weight, of the detection losses of
    its own head, plus ``lambda_bias * l_bias``. Every step draws the detection losses of one data set;
    their gradient, cut to norm 5, reaches the body and that data set's head. The generic head gets no
    gradient but the bias term's.

    With Adam the drawn head's own part of the bias term is added, and the generic head is kept where the
    bias loss is least. With stochastic gradient descent every step takes the bias term's exact gradient with
    respect to all heads.

    In the form of Eq. 3.4 the norm is not squared, hence (away from ``W_S = W_G``) each head is pulled
    towards the generic one by a gradient of length ``lambda_bias / N`` at any distance. The generic head
    gets minus the sum of these, of length at most ``lambda_bias``, and rests at the geometric median of
    the heads: a few heads that went far do not draw it after them. In the squared form it is their mean.
    A head whose part of the detection losses has a gradient below ``lambda_bias / N`` stays at it.

    Momentum, of "sgd", is that on this sum: heads go on by theirs while other data sets are drawn.

    Parameters
    ----------
    model
        A trained network with the generic head alone, from which all heads start. It is trained itself.
    sources, weights
        Data sets and how often each is drawn, relative to one another. Heads are called as
        `head_names` says; data sets of the same name share a head.
    validation
        Held-out images by head; under "generic" those of particles that no head is for.
    folder
        For ``checkpoint.safetensors`` and ``best.safetensors``, the state with the best mean of the
        generic head's AP and the specialised heads' mean AP.
    report
        Told of the progress every few steps.
    cancelled
        Asked after each step whether to stop, with a checkpoint.
    minutes
        Stop, with a checkpoint, after so long.

    Returns
    -------
    HydraPicker
        `model`, in its best state on the held-out images; in its last where there are none.

    Raises
    ------
    ParameterError
        If there is no data set, the model has specialised heads already, or images are held out for heads
        that there are not.
    WeightsError
        If the checkpoint in `folder` is damaged or of another training.
    """
    p = parameters or MultiHeadParameters()
    phase = MultiHeadTrainer(model, sources, weights, validation, folder, p)

    def told(now: loop.Report[MultiHeadAP]) -> None:
        total, where, bias = now.losses
        report(MultiHeadProgress(now.step, p.steps, total, where, bias, now.seconds, now.figures))

    loop.run(phase, phase.resume(), told, cancelled, minutes)
    return phase.best()
