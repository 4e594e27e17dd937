"""Phase 2: a head for each data set and the generic head over one body (thesis, sections 3.2 and 4.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.network import GENERIC, HydraPicker
from napari_hydrapicker.training import loop
from napari_hydrapicker.training.assembly import head_names
from napari_hydrapicker.training.checkpoint import load_checkpoint, read_progress, save_checkpoint
from napari_hydrapicker.training.optim import AdamDescent, BiasForm, Descent
from napari_hydrapicker.training.processes import Team
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.steps import (
    MAX_GRADIENT,
    annealed,
    batch_of,
    channels_last,
    loss_of,
    shares_of,
    to_device,
    warmed_up,
)
from napari_hydrapicker.training.validation import MultiHeadAP, average_precisions, score_all

__all__ = ["MultiHeadParameters", "MultiHeadProgress", "train_multi_head"]


@dataclass(frozen=True)
class MultiHeadParameters:
    """How phase 2 is run.

    Attributes
    ----------
    steps, batch_size, crop_wpx
        Optimisation steps, each on so many crops of this side of one data set.
    optimiser
        "adam", with the generic head kept where the bias loss is least, or "sgd" as in the thesis.
    learning_rate
        It rises over `warmup_steps` and falls to 0 on half a cosine, so that the heads come to rest.
    momentum, generic_rate
        Of "sgd": its momentum, and the generic head's learning rate as a multiple of the others', which
        changes how soon that head follows the others, not where it comes to rest.
    lambda_cls, lambda_bias
        Weights of the classification and of the bias loss (Eq. 3.1).
    bias_form
        "norm" as in Eq. 3.4, or "squared".
    validate_every
        Steps between validations.
    """

    steps: int = 4000
    batch_size: int = 4
    crop_wpx: int = 368
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-4
    momentum: float = 0.98
    warmup_steps: int = 100
    generic_rate: float = 1.0
    lambda_cls: float = 4.0
    lambda_bias: float = 0.1
    bias_form: BiasForm = "norm"
    validate_every: int = 250
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate at `step`: linear warm-up times half a cosine."""
        return self.learning_rate * warmed_up(step, self.warmup_steps) * annealed(step, self.steps)


class MultiHeadTrainer:
    """The network with all its heads, and one step of their training."""

    def __init__(
        self,
        model: HydraPicker,
        sources: Sequence[Source],
        weights: Sequence[float],
        validation: Mapping[str, Sequence[Crop]],
        folder: Path,
        p: MultiHeadParameters,
    ) -> None:
        self._shares = shares_of(sources, weights)
        self._sources, self._validation, self._folder, self._p = sources, validation, folder, p
        self.steps, self.validate_every = p.steps, p.validate_every
        self._names = head_names([source.name for source in sources])
        self._heads = list(dict.fromkeys(self._names))
        self._model = _with_heads(model, self._names, validation)
        self._device = next(model.parameters()).device
        self._descent = (
            AdamDescent(self._model, p.lambda_bias, p.bias_form)
            if p.optimiser == "adam"
            else Descent(self._model, p.momentum, p.lambda_bias, p.bias_form, p.generic_rate)
        )
        self._best_ap = -1.0
        self._team, self._forward = Team(), self._model
        self._path, self._best_path = folder / "checkpoint.safetensors", folder / "best.safetensors"

    def resume(self) -> int:
        """Go back to the checkpoint, if there is one; returns the number of steps done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return 0
        progress = read_progress(self._path)
        if progress.get("heads") != self._heads:
            raise WeightsError(
                f"{self._path}: a checkpoint of another training, of the heads "
                f"{', '.join(progress.get('heads', [GENERIC]))}; use the same data sets or another folder"
            )
        optimiser = progress.get("parameters", {}).get("optimiser")
        if optimiser != self._p.optimiser:
            raise WeightsError(
                f"{self._path}: a checkpoint of a training with {optimiser}; go on with that, or use another "
                "folder"
            )
        load_checkpoint(self._path, self._model, self._descent.optimiser)
        self._best_ap = float(progress["best"])
        return int(progress["step"])

    def join(self, team: Team) -> None:
        """Train from now on with the other processes of a team."""
        self._team, self._device = team, team.device(self._device)
        self._forward = team.share(self._model)
        to_device(self._descent.optimiser, self._device)

    def step(self, number: int) -> tuple[float, float, float]:
        """Draw a data set, train body and its head on it, and draw all heads together."""
        p = self._p
        rng = np.random.default_rng((p.seed, number))
        which = rng.choice(len(self._sources), p=self._shares)
        images, crops = batch_of(self._sources[which], rng, p.batch_size, p.crop_wpx, self._team.part)
        # Dropout draws from torch's generator: seeded for each step, a resumed training is the same.
        torch.manual_seed(int(rng.integers(2**62)) + self._team.rank)
        self._forward.train()
        name = self._names[which]
        positives = self._team.positives
        loss = loss_of(self._forward, images.to(self._device), crops, p.lambda_cls, name, positives)
        self._team.backward(loss.total)
        learning = [*self._model.body.parameters(), *self._model.head(name).parameters()]
        torch.nn.utils.clip_grad_norm_(learning, MAX_GRADIENT)
        bias = self._descent.step(name, p.rate(number))
        total, localisation = self._team.mean(torch.stack([loss.total, loss.localisation]).detach()).tolist()
        return total, localisation, bias

    def check(self, done: int) -> MultiHeadAP | None:
        """Measure every head; keep the state on disk if it is the best, and as the one to go on from.

        The process that leads does so; the others have nothing to tell.
        """
        ap = self._measure_and_save(done) if self._team.leads else None
        self._team.wait()
        return ap

    def _measure_and_save(self, done: int) -> MultiHeadAP:
        ap = average_precisions(score_all(self._model, self._validation))
        if ap.overall > self._best_ap or not any(self._validation.values()):
            self._best_ap = ap.overall
            save_checkpoint(self._best_path, self._model, None, {"step": done, **asdict(ap)})
        progress = {
            "step": done,
            "heads": self._heads,
            "best": self._best_ap,
            "parameters": asdict(self._p),
        }
        save_checkpoint(self._path, self._model, self._descent.optimiser, progress)
        return ap

    def best(self) -> HydraPicker:
        """Return the network in its best state, kept on disk alone: memory may not hold two networks."""
        if self._best_path.exists():
            load_checkpoint(self._best_path, self._model)
        return self._model.eval()


def _with_heads(
    model: HydraPicker, names: Sequence[str], validation: Mapping[str, Sequence[Crop]]
) -> HydraPicker:
    """Add the heads that phase 2 trains."""
    unknown = set(validation) - {GENERIC, *names}
    if unknown:
        raise ParameterError(f"images are held out for {min(unknown)!r}, but no data set has that head")
    there = [name for name in model.head_names if name != GENERIC]
    if there:
        raise ParameterError(
            f"the network has the head {there[0]!r} already; start from one with the generic head alone"
        )
    for name in dict.fromkeys(names):
        model.add_head(name)
    model.zero_grad(set_to_none=True)
    return channels_last(model)


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
    processes: int = 1,
    device: torch.device | None = None,
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
        Called with the progress every few steps.
    cancelled
        Asked after each step whether to stop, with a checkpoint.
    minutes
        Stop, with a checkpoint, after so long.
    processes, device
        As of `single_head.train_single_head`.

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
    first, begun = phase.resume(), time.monotonic()

    def send(now: loop.Report[MultiHeadAP | None]) -> None:
        total, where, bias = now.losses
        report(MultiHeadProgress(now.step, p.steps, total, where, bias, now.seconds, now.figures))

    def work(team: Team) -> None:
        phase.join(team)

        def stop() -> bool:
            return team.agree(cancelled() or time.monotonic() - begun > 60 * minutes)

        loop.run(phase, first, send if team.leads else lambda _: None, stop)

    if first < p.steps:
        Team.run(work, processes, p.batch_size, device, spare=True)
    return phase.best()
