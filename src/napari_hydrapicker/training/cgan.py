"""Training of the cGAN picker's two networks on synthetic pairs (Kong et al., sections 2.2.1 and 2.2.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_hydrapicker.cgan.networks import Discriminator, Generator, LossName, adversarial_loss, data_loss
from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.device import precision
from napari_hydrapicker.training import loop
from napari_hydrapicker.training.cgan_data import Pairs, draw_batch
from napari_hydrapicker.training.checkpoint import load_checkpoint, save_checkpoint
from napari_hydrapicker.training.steps import annealed, set_rate, warmed_up


@dataclass(frozen=True)
class CGanParameters:
    """How the networks are trained.

    Attributes
    ----------
    steps, batch_size
        Steps of each network, each on so many pairs.
    loss
        "mean-squared" (Eqs. 5 and 6) or "cross-entropy" (Eq. 1).
    adversarial_weight, data_weight
        Weights of the generator's two losses (w1 and w2 of Eq. 6). The paper does not state them; these
        are those of pix2pix, on which it builds.
    learning_rate, discriminator_rate
        Of Adam after `warmup_steps`; both fall to 0 on half a cosine.
    beta
        Adam's decay of the running mean of gradients, for both networks.
    check_every
        Steps between checkpoints.
    """

    steps: int = 4000
    batch_size: int = 4
    loss: LossName = "mean-squared"
    adversarial_weight: float = 1.0
    data_weight: float = 100.0
    learning_rate: float = 1e-3
    discriminator_rate: float = 2e-4
    beta: float = 0.5
    warmup_steps: int = 50
    check_every: int = 250
    seed: int = 0

    def share(self, step: int) -> float:
        """Share of the learning rates at a step."""
        if step < self.warmup_steps:
            return warmed_up(step, self.warmup_steps)
        return annealed(step - self.warmup_steps, max(1, self.steps - self.warmup_steps))


@dataclass(frozen=True)
class CGanProgress:
    """What training reports: losses are means since the last report.

    Attributes
    ----------
    step, steps
        Done, and in all.
    discriminator, adversarial, data
        The discriminator's loss, and the generator's two without their weights.
    seconds
        Since the training was started or gone on with.
    """

    step: int
    steps: int
    discriminator: float
    adversarial: float
    data: float
    seconds: float


def check_parameters(p: CGanParameters) -> None:
    """Refuse parameters that are out of range.

    Raises
    ------
    ParameterError
        Naming the first of them.
    """
    adversarial_loss(p.loss)
    for name in ("steps", "batch_size", "check_every"):
        if getattr(p, name) < 1:
            raise ParameterError(f"{name} of {getattr(p, name)}: give 1 or more")
    for name in ("adversarial_weight", "data_weight", "learning_rate", "discriminator_rate"):
        if not (math.isfinite(getattr(p, name)) and getattr(p, name) >= 0):
            raise ParameterError(f"{name} of {getattr(p, name)}: give a number of 0 or more")


def train_cgan(
    generator: Generator,
    discriminator: Discriminator,
    pairs: Pairs,
    folder: Path,
    parameters: CGanParameters | None = None,
    report: Callable[[CGanProgress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    minutes: float = math.inf,
) -> Generator:
    """Train both networks in turn; goes on from ``folder/checkpoint.safetensors`` where there is one.

    Parameters
    ----------
    generator, discriminator
        On the device to compute on; they are trained in place.
    pairs
        Gives pairs of one size, at least `cgan_batches.MIN_PAIR` on a side; they are turned at random.
    report, cancelled
        Called with the progress every 20 steps, and asked whether to stop after each.
    minutes
        Stop, with a checkpoint, after so long.

    Returns
    -------
    Generator
        The one given, in evaluation mode.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or the pairs differ in size or are too small.
    WeightsError
        If the checkpoint in `folder` is damaged or of another training.
    """
    p = parameters or CGanParameters()
    check_parameters(p)
    training = _Training(generator, discriminator, pairs, folder, p)

    def send(now: loop.Report[None]) -> None:
        discriminator_loss, adversarial, data = now.losses
        report(CGanProgress(now.step, p.steps, discriminator_loss, adversarial, data, now.seconds))

    loop.run(training, training.resume(), send, cancelled, minutes)
    return generator.eval()


class _Training:
    """The two networks and one optimiser, which moves whichever of them has gradients."""

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        pairs: Pairs,
        folder: Path,
        p: CGanParameters,
    ) -> None:
        self._pairs, self._folder, self._p = pairs, folder, p
        self.steps, self.validate_every = p.steps, p.check_every
        self._both = nn.ModuleDict({"generator": generator, "discriminator": discriminator}).train()
        self._both.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._generator, self._discriminator = generator, discriminator
        self._device = next(generator.parameters()).device
        groups = [{"params": list(network.parameters())} for network in (generator, discriminator)]
        self._optimiser = torch.optim.Adam(groups, lr=0.0, betas=(p.beta, 0.999))
        self._loss = adversarial_loss(p.loss)
        self._path = folder / "checkpoint.safetensors"

    def resume(self) -> int:
        """Go back to the checkpoint, if there is one; returns the number of steps done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return 0
        progress = load_checkpoint(self._path, self._both, self._optimiser)
        trained_with = progress.get("parameters", {}).get("loss")
        if trained_with != self._p.loss:
            raise WeightsError(
                f"{self._path}: a checkpoint of a training with the loss {trained_with!r}, not "
                f"{self._p.loss!r}: choose another folder"
            )
        return int(progress["step"])

    def step(self, number: int) -> tuple[float, float, float]:
        p = self._p
        rng = np.random.default_rng((p.seed, number))
        images, truths = (part.to(self._device) for part in draw_batch(self._pairs, rng, p.batch_size))
        set_rate(self._optimiser, p.learning_rate * p.share(number))
        self._optimiser.param_groups[1]["lr"] = p.discriminator_rate * p.share(number)
        with precision(self._device):
            marked = self._generator(images)
        judged = self._step_discriminator(images, truths, marked.detach())
        fooled, distance = self._step_generator(images, truths, marked)
        return judged, fooled, distance

    def _step_discriminator(self, images: Tensor, truths: Tensor, marked: Tensor) -> float:
        self._discriminator.requires_grad_(True)
        loss = self._loss.discriminator(self._judge(images, truths), self._judge(images, marked))
        self._move(loss, self._discriminator)
        return loss.item()

    def _step_generator(self, images: Tensor, truths: Tensor, marked: Tensor) -> tuple[float, float]:
        self._discriminator.requires_grad_(False)
        with torch.no_grad():
            true = self._judge(images, truths)
        adversarial = self._loss.generator(true, self._judge(images, marked))
        data = data_loss(truths, marked)
        self._move(self._p.adversarial_weight * adversarial + self._p.data_weight * data, self._generator)
        return adversarial.item(), data.item()

    def _judge(self, images: Tensor, marked: Tensor) -> Tensor:
        with precision(self._device):
            return self._discriminator.logit(images, marked)

    def _move(self, loss: Tensor, network: nn.Module) -> None:
        """Do a step of one network; the optimiser passes over the other, which has no gradients."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def check(self, done: int) -> None:
        progress = {"step": done, "parameters": asdict(self._p)}
        save_checkpoint(self._path, self._both, self._optimiser, progress)
