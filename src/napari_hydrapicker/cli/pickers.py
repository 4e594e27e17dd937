"""Words that several commands take for the picker and how it looks at micrographs."""

from __future__ import annotations

from enum import StrEnum


class PickerName(StrEnum):
    """Which picker."""

    HYDRA = "hydra"
    CGAN = "cgan"


class Quality(StrEnum):
    """How much is computed for a micrograph."""

    FAST = "fast"
    BEST = "best"


class ContrastName(StrEnum):
    """How particles stand out from the background."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"
