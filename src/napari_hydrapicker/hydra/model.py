"""HydraPicker: the shared body, the generic head and one head for each data set (thesis, Fig. 3.3)."""

from __future__ import annotations

import copy
from typing import Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.heads.names import check_head_name
from napari_hydrapicker.hydra.body import Body
from napari_hydrapicker.hydra.head import Head

GENERIC = "generic"


class Architecture(BaseModel):
    """The numbers that fix the shape of every tensor of the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: int = Field(default=64, ge=1, le=1024)
    groups: int = Field(default=32, ge=1, le=128)
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        if self.channels % self.groups or 128 % self.groups:
            raise ValueError(f"groups ({self.groups}) must divide channels ({self.channels}) and 128")
        return self


class HydraPicker(nn.Module):
    """One shared body and any number of heads, of which ``generic`` serves unseen particles.

    Parameters
    ----------
    architecture
        Sizes of the layers; the thesis' by default.
    """

    def __init__(self, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture = architecture or Architecture()
        channels, groups = self.architecture.channels, self.architecture.groups
        self.body = Body(channels, groups)
        self.heads = nn.ModuleDict({GENERIC: Head(channels, groups, self.architecture.dropout)})

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of all heads, ``generic`` first, the others in the order they were added."""
        return tuple(self.heads)

    def head(self, name: str = GENERIC) -> Head:
        """Return the head called `name`.

        Raises
        ------
        ParameterError
            If there is no such head.
        """
        if name not in self.heads:
            known = ", ".join(self.head_names)
            raise ParameterError(f"There is no head called {name!r}. Choose one of: {known}.")
        return cast(Head, self.heads[name])

    def features(self, images: Tensor) -> Tensor:
        """Features that every head shares: ``(B, 1, H, W)`` -> ``(B, C, H, W)``.

        Raises
        ------
        ParameterError
            If `images` is not a batch of single-channel images.
        """
        if images.ndim != 4 or images.shape[1] != 1 or 0 in images.shape:
            raise ParameterError(
                f"The network takes images of shape (batch, 1, height, width), not {tuple(images.shape)}."
            )
        features: Tensor = self.body(images)
        return features

    def forward(self, images: Tensor, head: str = GENERIC, dense: bool = False) -> Tensor:
        """Raw answers of one head.

        Parameters
        ----------
        images
            ``(B, 1, H, W)`` normalised micrographs at working scale (a particle is 21 pixels long).
        head
            Which head answers.
        dense
            Also run the head on grids shifted by half a cell.

        Returns
        -------
        Tensor
            ``(B, 3, H/16, W/16)``, or ``(B, 3, H/8, W/8)`` if `dense`: logit and raw (row, column)
            offsets, to be read by `anchors.decode` with stride 16 or 8.

        Raises
        ------
        ParameterError
            If there is no such head, or `images` has another shape.
        """
        chosen = self.head(head)
        features = self.features(images)
        raw: Tensor = chosen.dense(features) if dense else chosen(features)
        return raw

    def add_head(self, name: str, like: str = GENERIC) -> Head:
        """Add and return a head that starts as a copy of the head `like`.

        Raises
        ------
        ParameterError
            If `name` cannot be a head's name or is taken, or there is no head `like`.
        """
        check_head_name(name)
        if name in self.heads:
            raise ParameterError(f"There is already a head called {name!r}. Choose another name.")
        head = copy.deepcopy(self.head(like))
        # A copy of a frozen head is there to be trained, and carries no gradients of the old one.
        head.requires_grad_(True).zero_grad(set_to_none=True)
        self.heads[name] = head
        return head

    def remove_head(self, name: str) -> None:
        """Remove a head.

        Raises
        ------
        ParameterError
            If there is no such head, or it is the generic one.
        """
        self.head(name)
        if name == GENERIC:
            raise ParameterError(
                f"The head {GENERIC!r} cannot be removed: new heads start from it. Remove another one."
            )
        del self.heads[name]
