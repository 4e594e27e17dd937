"""The pickers that the command line offers."""

from __future__ import annotations

from enum import StrEnum


class PickerName(StrEnum):
    """Which picker."""

    HYDRA = "hydra"
    CGAN = "cgan"
