"""HydraPicker: the shared body, the generic head and one head for each data set (thesis, Fig. 3.3)."""

from __future__ import annotations

import copy
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.hydra.anchors import CELL_WPX
from napari_hydrapicker.hydra.head_record import FIRST_BLOCKS, check_head_name
from napari_hydrapicker.hydra.layers import (
    AdaptedHead,
    CompactBody,
    CompactHead,
    Head,
    ThesisBody,
    ThesisHead,
)

GENERIC = "generic"

_Number = Annotated[int, Field(ge=1, le=32)]
Blocks = tuple[_Number, _Number, _Number]


class Architecture(BaseModel):
    """What fixes the shape of every tensor of the network.

    Attributes
    ----------
    kind
        "thesis": section 3.1 of the thesis to the letter; "compact": see `layers.CompactBody`.
    channels
        Of the thesis' body; of the compact one at half the resolution.
    groups
        Of every GroupNorm; the compact network has none.
    dropout
        In the heads.
    blocks
        Residual blocks of the compact body at a half, a quarter and an eighth of the resolution.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["thesis", "compact"] = "thesis"
    channels: int = Field(default=64, ge=1, le=1024)
    groups: int = Field(default=32, ge=1, le=128)
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    blocks: Blocks = FIRST_BLOCKS

    @classmethod
    def compact(cls, channels: int = 48, dropout: float = 0.1, blocks: Blocks = FIRST_BLOCKS) -> Self:
        """The compact network, of the bundled one's size by default."""
        return cls(kind="compact", channels=channels, groups=1, dropout=dropout, blocks=blocks)

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        if self.kind == "thesis" and (self.channels % self.groups or 128 % self.groups):
            raise ValueError(f"groups ({self.groups}) must divide channels ({self.channels}) and 128")
        return self

    @property
    def feature_channels(self) -> int:
        """Channels of the features that the body hands to the heads."""
        return self.channels if self.kind == "thesis" else 4 * self.channels

    @property
    def feature_stride(self) -> int:
        """Working pixels from one feature to the next."""
        return 1 if self.kind == "thesis" else 8

    @property
    def context_wpx(self) -> int:
        """How far the body sees around a feature, in working pixels, rounded up to whole cells."""
        if self.kind == "thesis":
            return 16
        half, quarter, eighth = self.blocks
        return -(-(8 + 4 * half + 8 * quarter + 16 * eighth) // CELL_WPX) * CELL_WPX

    @property
    def window_wpx(self) -> int:
        """Side of the largest square, in working pixels, whose features are computed and kept as one."""
        return 640 if self.kind == "thesis" else 2048

    def make_body(self) -> nn.Module:
        """Make a body with random weights: images ``(B, 1, H, W)`` to features."""
        if self.kind == "thesis":
            return ThesisBody(self.channels, self.groups)
        return CompactBody(self.channels, self.blocks)

    def make_head(self, adapted: bool = False) -> Head:
        """Make a head with random weights, on demand with a body of its own."""
        if self.kind == "thesis":
            head: Head = ThesisHead(self.channels, self.groups, self.dropout)
        else:
            head = CompactHead(self.feature_channels, self.dropout)
        return AdaptedHead(self.make_body(), head) if adapted else head


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
        self.body = self.architecture.make_body()
        self.heads = nn.ModuleDict({GENERIC: self.architecture.make_head()})

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
        """Features that every head shares: ``(B, 1, H, W)`` -> ``(B, C, H / s, W / s)``, s the feature
        stride.

        Raises
        ------
        ParameterError
            If `images` is not a batch of single-channel images.
        """
        features: Tensor = self.body(_checked(images))
        return features

    def forward(self, images: Tensor, head: str = GENERIC) -> Tensor:
        """Raw answers of one head, one for each 8 x 8 working pixels.

        Parameters
        ----------
        images
            ``(B, 1, H, W)`` normalised micrographs at working scale (a particle is 21 pixels long); height
            and width multiples of 16.
        head
            Which head answers.

        Returns
        -------
        Tensor
            ``(B, 3, H/8, W/8)``: logit and raw (row, column) offsets, to be read by `anchors.decode` with
            stride 8.

        Raises
        ------
        ParameterError
            If there is no such head, or `images` has another shape.
        """
        chosen = self.head(head)
        if chosen.takes_images:
            return chosen.dense(_checked(images))
        return chosen.dense(self.features(images))

    def adapted(self, head: str = GENERIC) -> AdaptedHead:
        """Return a copy of a head with a copy of the body, to be changed together."""
        own = self.head(head)
        if isinstance(own, AdaptedHead):
            return copy.deepcopy(own)
        return AdaptedHead(copy.deepcopy(self.body), copy.deepcopy(own))

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

    def deeper(self, blocks: Blocks) -> HydraPicker:
        """Return the same compact network with more residual blocks in its body: it answers as before.

        Raises
        ------
        ParameterError
            If it is not compact, has other heads than the generic one, whose bodies would be left behind,
            or has more blocks already.
        """
        if self.architecture.kind != "compact" or self.head_names != (GENERIC,):
            raise ParameterError("Only a compact network with the generic head alone can be made deeper.")
        if any(new < old for new, old in zip(blocks, self.architecture.blocks, strict=True)):
            raise ParameterError(
                f"The network has {self.architecture.blocks} residual blocks. Give as many or more, "
                f"not {blocks}."
            )
        made = HydraPicker(self.architecture.model_copy(update={"blocks": blocks}))
        cast(CompactBody, made.body).take(cast(CompactBody, self.body))
        made.head().load_state_dict(self.head().state_dict())
        return made

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


def _checked(images: Tensor) -> Tensor:
    if images.ndim != 4 or images.shape[1] != 1 or 0 in images.shape:
        raise ParameterError(
            f"The network takes images of shape (batch, 1, height, width), not {tuple(images.shape)}."
        )
    return images
