"""A change of one micrograph's picks, as data that can be stored, applied and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from napari_hydrapicker.project.labels import Labels


class EditKind(StrEnum):
    """What an edit was; picking and importing cannot be undone by hand."""

    ADD = "add"
    MOVE = "move"
    DELETE = "delete"
    RESTORE = "restore"
    PICK = "pick"
    IMPORT = "import"

    @property
    def by_hand(self) -> bool:
        """Whether the user made it, pick by pick."""
        return self not in (EditKind.PICK, EditKind.IMPORT)


@dataclass(frozen=True, eq=False)
class Edit:
    """The rows that a change touched, before and after it."""

    micrograph_id: int
    kind: EditKind
    before: Labels
    after: Labels

    def inverse(self) -> Edit:
        """Return the edit that takes this one back."""
        return Edit(self.micrograph_id, self.kind, self.after, self.before)

    def apply(self, labels: Labels) -> Labels:
        """Return the labels after this edit."""
        return labels.without(self.before.id).with_rows(self.after)
