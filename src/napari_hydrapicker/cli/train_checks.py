"""Checks of what `hydrapicker train` is given, before anything is computed."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from napari_hydrapicker.errors import ParameterError


def check_numbers(given: dict[str, Any], procedural: int, views: int, minutes: float) -> None:
    """Refuse numbers out of their range; `given` holds the trainings' parameters by name.

    Raises
    ------
    ParameterError
        If there is one.
    """
    least = {"steps": 1, "batch_size": 1, "crop_wpx": 48, "validate_every": 1, "cooldown_steps": 0, "seed": 0}
    options = {"batch_size": "batch", "crop_wpx": "crop", "cooldown_steps": "cooldown"}
    numbers = [(options.get(name, name), given[name], lowest) for name, lowest in least.items()]
    for name, value, lowest in (*numbers, ("procedural", procedural, 0), ("views", views, 1)):
        if value is not None and value < lowest:
            raise ParameterError(f"--{name.replace('_', '-')} {value}: give {lowest} or more")
    rate, weight = given["learning_rate"], given["lambda_bias"]
    if not minutes > 0:
        raise ParameterError(f"--minutes {minutes:g}: give a number above 0")
    if rate is not None and not 0 < rate < math.inf:
        raise ParameterError(f"--rate {rate:g}: give a number above 0")
    if weight is not None and not 0 <= weight < math.inf:
        raise ParameterError(f"--lambda-bias {weight:g}: give 0 or more")


def check_phase(multi: bool, init: Path | None, misplaced: dict[str, Any]) -> None:
    """Refuse options of the other phase, and phase 2 without a network to start from.

    Raises
    ------
    ParameterError
        If there is one, or there is none.
    """
    for name, value in misplaced.items():
        if value is not None:
            option = "--" + {"cooldown_steps": "cooldown"}.get(name, name).replace("_", "-")
            raise ParameterError(
                f"{option}: not for --phase {'multi' if multi else 'single'}-head; leave it out"
            )
    if multi and init is None:
        raise ParameterError("--phase multi-head: give --init NETWORK, made with --phase single-head")


def check_files(out: Path, init: Path | None) -> None:
    """Refuse a network to start from, or a folder, before minutes are spent on making data.

    Raises
    ------
    WeightsError
        If the network's file is none of ours or is damaged.
    ParameterError
        If the folder cannot be written.
    """
    from napari_hydrapicker.hydra.weights import read_metadata

    if init is not None:
        read_metadata(init)
    there = next((place for place in (out, *out.parents) if place.exists()), out)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ParameterError(f"--out {out}: cannot be written; choose another folder")
