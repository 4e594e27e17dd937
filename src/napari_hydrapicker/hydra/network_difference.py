"""A network's file that holds only its changes to another network, the one that its training started from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from napari_hydrapicker.errors import WeightsError
from napari_hydrapicker.hydra import container
from napari_hydrapicker.hydra.body_steps import body_from_steps
from napari_hydrapicker.hydra.bundled import weights_folder
from napari_hydrapicker.hydra.container import GET_ANOTHER
from napari_hydrapicker.hydra.low_rank import restored
from napari_hydrapicker.hydra.metadata import FORMAT, Base
from napari_hydrapicker.hydra.model import GENERIC
from napari_hydrapicker.hydra.parts import BODY, head_prefix, part, replaced

_HEAD = head_prefix(GENERIC)


@dataclass(frozen=True, eq=False)
class NetworkDifference:
    """Changes to a network's body (`body_steps`) and generic head (`low_rank`), and which network that is."""

    base: Base
    body: Mapping[str, Tensor]
    generic: Mapping[str, Tensor]

    def instead(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A network's tensors with these in place of its body and generic head."""
        return replaced(replaced(tensors, BODY, self.body), _HEAD, self.generic)


def completed(path: Path, tensors: Mapping[str, Tensor], base: Base) -> dict[str, Tensor]:
    """All tensors of a network, from those of a file at `path` that holds changes to another.

    Raises
    ------
    WeightsError
        If the base is neither beside the file nor in the package, is another network or damaged, or the
        changes do not fit it.
    """
    theirs = _base_tensors(path, base)
    try:
        body = body_from_steps(part(tensors, BODY), part(theirs, BODY))
        generic = restored(part(tensors, _HEAD), part(theirs, _HEAD))
    except ValueError as error:
        raise WeightsError(f"{path}: {error}. {GET_ANOTHER}") from error
    # In half precision, like a network that is stored whole: the other heads differ from just this one.
    halves = {name: tensor.half() for name, tensor in generic.items()}
    return replaced(replaced(tensors, BODY, body), _HEAD, halves)


def _base_tensors(path: Path, base: Base) -> dict[str, Tensor]:
    places = [place for place in (path.with_name(base.file), weights_folder() / base.file) if place.is_file()]
    for place in places:
        header, tensors = container.read(place, FORMAT)
        if header.get("sha256") == base.sha256:
            return tensors
    reason = "is another network" if places else "is missing"
    raise WeightsError(
        f"{path}: it holds only changes to the network {base.file}, which {reason}. Put that file, as it "
        "was then, beside it."
    )
