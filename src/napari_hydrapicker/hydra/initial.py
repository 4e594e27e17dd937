"""How weights are drawn before any training."""

from __future__ import annotations

from torch import Tensor, nn


def initialise(weight: Tensor, std: float | None = None) -> None:
    """Draw normal weights: of this deviation, or such that rectified maps keep their variance (He et al.).

    Weights without storage, of a network that is about to be read, are left alone: drawing them would make
    torch import its tracing machinery, which takes longer than reading the file.
    """
    if weight.is_meta:
        return
    if std is None:
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    else:
        nn.init.normal_(weight, std=std)
