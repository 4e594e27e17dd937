"""How far the user is with a micrograph."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """State of a micrograph.

    The first three follow from its picks; the last two are the user's word: all particles of a complete
    micrograph are marked, an excluded one is neither picked nor exported.
    """

    NEW = "new"
    PICKED = "picked"
    CORRECTED = "corrected"
    COMPLETE = "complete"
    EXCLUDED = "excluded"
