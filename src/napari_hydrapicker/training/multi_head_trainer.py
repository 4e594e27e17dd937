"""The state of a multi-head training: a step, a check, a checkpoint to go on from, the best network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.hydra.model import GENERIC, HydraPicker
from napari_hydrapicker.training.adam_descent import AdamDescent
from napari_hydrapicker.training.checkpoint import load_checkpoint, read_progress, save_checkpoint
from napari_hydrapicker.training.descent import Descent
from napari_hydrapicker.training.head_names import head_names
from napari_hydrapicker.training.multi_head_parameters import MultiHeadParameters
from napari_hydrapicker.training.multi_head_validation import MultiHeadAP, average_precisions, score_all
from napari_hydrapicker.training.sources import Crop, Source
from napari_hydrapicker.training.steps import MAX_GRADIENT, batch_of, channels_last, loss_of, shares_of


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

    def step(self, number: int) -> tuple[float, float, float]:
        """Draw a data set, train body and its head on it, and draw all heads together."""
        p = self._p
        rng = np.random.default_rng((p.seed, number))
        which = rng.choice(len(self._sources), p=self._shares)
        images, crops = batch_of(self._sources[which], rng, p.batch_size, p.crop_wpx)
        # Dropout draws from torch's generator: seeded for each step, a resumed training is the same.
        torch.manual_seed(int(rng.integers(2**62)))
        self._model.train()
        name = self._names[which]
        loss = loss_of(self._model, images.to(self._device), crops, p.lambda_cls, name)
        loss.total.backward()  # type: ignore[no-untyped-call]
        learning = [*self._model.body.parameters(), *self._model.head(name).parameters()]
        torch.nn.utils.clip_grad_norm_(learning, MAX_GRADIENT)
        bias = self._descent.step(name, p.rate(number))
        return loss.total.item(), loss.localisation.item(), bias

    def check(self, done: int) -> MultiHeadAP:
        """Measure every head; keep the state on disk if it is the best, and as the one to go on from."""
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
