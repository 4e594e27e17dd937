"""Conditions drawn for training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_hydrapicker.simulation.conditions import Conditions, draw_conditions, draw_wide_conditions

DRAWN = [draw_conditions(np.random.default_rng(i)) for i in range(400)]

RANGES = {
    "density": (0.08, 0.8),
    "spacing": (0.5, 1.05),
    "clustering": (0, 0.5),
    "defocus_um": (0.3, 4),
    "astigmatism_um": (0, 0.1),
    "phase_shift": (0, 2.2),
    "voltage_kv": (200, 300),
    "cs_mm": (2.7, 2.7),
    "amplitude_contrast": (0.05, 0.2),
    "dose_per_square_angstrom": (8, 60),
    "envelope_angstrom2": (50, 1500),
    "structural_noise": (0, 1.5),
    "drift_noise": (0, 0.8),
    "signal": (0.3, 1.6),
    "smoothing_wpx": (0, 2.8),
    "grey_levels": (0, 20),
    "thickness_gradient": (0, 3),
    "blobs": (0, 0.01),
    "crystals": (0, 0.01),
    "fragments": (0, 0.3),
    "carbon": (0.12, 0.12),
}


WIDE = [draw_wide_conditions(np.random.default_rng(i)) for i in range(600)]
WIDER = (
    "film", "specks", "beads", "filaments", "aggregates", "ice", "cracks", "absorbers", "support",
    "patches", "stripes", "stain",
    "lowpass_wpx", "highpass_wpx", "cutoff", "median", "multiplicative", "inverted",
)  # fmt: skip


def test_every_condition_is_drawn_or_left_out() -> None:
    assert set(RANGES) | set(WIDER) == {field.name for field in dataclasses.fields(Conditions)}
    assert not any(getattr(c, name) for c in DRAWN for name in WIDER)


@pytest.mark.parametrize("name", WIDER)
def test_wide_conditions_have_everything_sometimes(name: str) -> None:
    assert any(getattr(c, name) for c in WIDE)
    assert name in ("ice", "cracks", "support") or not all(getattr(c, name) for c in WIDE)


def test_wide_conditions_reach_beyond_the_usual_ones() -> None:
    signal = np.array([c.signal for c in WIDE])
    assert signal.min() < 0.25
    assert signal.max() > 5
    empty = np.mean([c.density == 0 for c in WIDE])
    assert 0.02 < empty < 0.1
    assert draw_wide_conditions(np.random.default_rng(7)) == WIDE[7]


@pytest.mark.parametrize("name", RANGES)
def test_conditions_fill_their_range_and_stay_in_it(name: str) -> None:
    low, high = RANGES[name]
    values = np.array([getattr(c, name) for c in DRAWN])
    rounding = 1e-9 * high
    assert values.min() >= low - rounding
    assert values.max() <= high + rounding
    assert np.ptp(values) >= 0.8 * (high - low)


def test_a_phase_plate_comes_with_little_defocus_and_seldom() -> None:
    with_plate = [c for c in DRAWN if c.phase_shift > 0]
    assert 0.04 < len(with_plate) / len(DRAWN) < 0.18
    assert max(c.defocus_um for c in with_plate) <= 1.2


def test_the_same_seed_draws_the_same() -> None:
    assert draw_conditions(np.random.default_rng(7)) == DRAWN[7] != DRAWN[8]
