"""The conditions under which a micrograph is taken, and the ranges that training draws them from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

_NOTHING: Final[dict[str, Any]] = dict.fromkeys(
    (
        "blobs",
        "crystals",
        "fragments",
        "carbon",
        "specks",
        "beads",
        "filaments",
        "aggregates",
        "ice",
        "cracks",
        "absorbers",
        "support",
        "patches",
        "stripes",
    ),
    0.0,
)


@dataclass(frozen=True)
class Conditions:
    """Everything that shapes a simulated micrograph besides the molecule.

    Attributes
    ----------
    density : float
        Particles for each diameter^2 of area.
    spacing : float
        Smallest centre-to-centre distance in diameters; below about 0.7 particles overlap.
    clustering : float
        Share of particles placed beside another one, 0..1.
    defocus_um, astigmatism_um, phase_shift : float
        Mean underfocus, half the astigmatic difference (micrometre), phase plate's shift (rad).
    voltage_kv, cs_mm, amplitude_contrast : float
        The microscope.
    dose_per_square_angstrom : float
        Electrons that are counted, for each square Angstrom.
    envelope_angstrom2 : float
        B-factor of the signal's Gaussian envelope.
    structural_noise : float
        Standard deviation of the ice's own random potential before the optics, relative to the shot noise.
    drift_noise : float
        Standard deviation of slow intensity changes (1/f), relative to the shot noise.
    signal : float
        Factor on the molecule's contrast; 1 is physical.
    smoothing_wpx : float
        Standard deviation of a low-pass by a denoiser, in working pixels (diameter / 21); 0 for none.
    grey_levels : float
        Levels for each standard deviation where the image was stored in few bits; 0 for float.
    thickness_gradient : float
        Peak-to-peak change of intensity across the image, in noise standard deviations.
    blobs, crystals, fragments : float
        Contamination, ice crystals and broken particles for each diameter^2 of area.
    carbon : float
        Probability that a carbon edge crosses the image.
    film : float
        Strength of a continuous carbon film's grain under the whole image, relative to the shot noise.
    specks, beads, filaments, aggregates : float
        Small dark contaminants of 0.2 to 1 diameter, gold beads, filaments, and clumps of particles too dense
        to be picked, for each diameter^2 of area.
    ice : float
        Probability that crystalline ice, with its lattice, covers part of the image.
    cracks : float
        Mean number of bright cracks.
    absorbers : float
        Thick dirt that electrons do not pass, such as frozen ethane: dark all over, whatever the defocus; for
        each diameter^2 of area. In a quarter of the micrographs bright, as holes are.
    support : float
        Probability that the edge or the strands of a dark support film cross the image.
    patches : float
        How uneven the ice is over 0.4 to 3 diameters, in deviations of the image.
    stripes : float
        Deviation of whole rows and columns from the others, relative to that of the image.
    stain : bool
        Negative stain, its contrast turned over: dark particles with a light rim, no contrast transfer.
    lowpass_wpx, highpass_wpx : float
        Width of a Gaussian low-pass (dose weighting, binning), and of what a high-pass took away; 0 for none.
    cutoff : float
        Frequency beyond which nothing is left, cycles per working pixel (super-resolution halves, filters); 0
        for none.
    median : bool
        A 3 x 3 median filter, at the working scale's pixel.
    multiplicative : float
        Grain that grows with the intensity, as on film, relative to the shot noise.
    inverted : bool
        Light particles: nothing here is to be picked.
    """

    density: float = 0.25
    spacing: float = 0.8
    clustering: float = 0.1
    defocus_um: float = 1.8
    astigmatism_um: float = 0.02
    phase_shift: float = 0.0
    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    dose_per_square_angstrom: float = 40.0
    envelope_angstrom2: float = 100.0
    structural_noise: float = 0.5
    drift_noise: float = 0.3
    signal: float = 1.0
    smoothing_wpx: float = 0.0
    grey_levels: float = 0.0
    thickness_gradient: float = 0.5
    blobs: float = 0.002
    crystals: float = 0.002
    fragments: float = 0.02
    carbon: float = 0.0
    film: float = 0.0
    specks: float = 0.0
    beads: float = 0.0
    filaments: float = 0.0
    aggregates: float = 0.0
    ice: float = 0.0
    cracks: float = 0.0
    absorbers: float = 0.0
    support: float = 0.0
    patches: float = 0.0
    stripes: float = 0.0
    stain: bool = False
    lowpass_wpx: float = 0.0
    highpass_wpx: float = 0.0
    cutoff: float = 0.0
    median: bool = False
    multiplicative: float = 0.0
    inverted: bool = False


def draw_conditions(rng: np.random.Generator) -> Conditions:
    """Draw the conditions of a usual micrograph: those that networks are validated under."""

    def log_uniform(low: float, high: float) -> float:
        return draw_log_uniform(rng, low, high)

    plate = rng.random() < 0.1
    return Conditions(
        density=log_uniform(0.08, 0.8),
        spacing=rng.uniform(0.5, 1.05),
        clustering=rng.choice([0.0, 0.2, 0.5]),
        defocus_um=rng.uniform(0.3, 1.2) if plate else log_uniform(0.6, 4.0),
        astigmatism_um=rng.uniform(0, 0.1),
        phase_shift=rng.uniform(0.5, 2.2) if plate else 0.0,
        voltage_kv=rng.choice([200.0, 300.0]),
        amplitude_contrast=rng.uniform(0.05, 0.2),
        dose_per_square_angstrom=log_uniform(8, 60),
        envelope_angstrom2=log_uniform(50, 1500),
        structural_noise=rng.uniform(0.0, 1.5),
        drift_noise=rng.uniform(0.0, 0.8),
        signal=log_uniform(0.3, 1.6),
        smoothing_wpx=rng.uniform(0.8, 2.8) if rng.random() < 0.45 else 0.0,
        grey_levels=rng.uniform(2, 20) if rng.random() < 0.4 else 0.0,
        thickness_gradient=rng.uniform(0, 3),
        blobs=log_uniform(0.0005, 0.01) if rng.random() < 0.4 else 0.0,
        crystals=log_uniform(0.0005, 0.01) if rng.random() < 0.3 else 0.0,
        fragments=log_uniform(0.01, 0.3) if rng.random() < 0.5 else 0.0,
        carbon=0.12,
    )


def draw_wide_conditions(rng: np.random.Generator) -> Conditions:
    """Draw conditions from far wider ranges, the usual ones in their middle: those of training.

    Particles from a thirtieth of the noise to far above it, every kind of dirt, everything that is done to
    images after the detector, and now and then nothing to pick at all.
    """

    def log_uniform(low: float, high: float) -> float:
        return draw_log_uniform(rng, low, high)

    def sometimes(probability: float, low: float, high: float) -> float:
        return log_uniform(low, high) if rng.random() < probability else 0.0

    plate, stain, kind = rng.random() < 0.1, rng.random() < 0.05, rng.random()
    denoised = rng.random() < 0.3
    made = Conditions(
        density=0.0 if kind < 0.05 else log_uniform(0.03, 1.0),
        spacing=rng.uniform(0.45, 1.1),
        clustering=rng.choice([0.0, 0.2, 0.5, 0.8]),
        defocus_um=rng.uniform(0.3, 1.2) if plate else log_uniform(0.5, 5.0),
        astigmatism_um=rng.uniform(0, 0.15),
        phase_shift=rng.uniform(0.5, 2.2) if plate else 0.0,
        voltage_kv=rng.choice([100.0, 200.0, 300.0]),
        amplitude_contrast=rng.uniform(0.05, 0.2),
        dose_per_square_angstrom=log_uniform(8, 60),
        envelope_angstrom2=log_uniform(20, 1500),
        structural_noise=rng.uniform(0.0, 1.5),
        drift_noise=log_uniform(1, 6) if rng.random() < 0.08 else rng.uniform(0.0, 1.0),
        signal=log_uniform(1.0, 6.4) if rng.random() < 0.3 else log_uniform(0.2, 1.8),
        smoothing_wpx=rng.uniform(0.7, 3.0) if denoised else 0.0,
        grey_levels=rng.uniform(1.5, 20) if rng.random() < 0.3 else 0.0,
        thickness_gradient=rng.uniform(0, 4),
        blobs=sometimes(0.3, 0.0005, 0.01),
        crystals=sometimes(0.2, 0.0005, 0.01),
        fragments=sometimes(0.4, 0.01, 0.3),
        carbon=0.1,
        film=rng.uniform(0.3, 2.0) if rng.random() < 0.08 else 0.0,
        specks=sometimes(0.3, 0.003, 0.1),
        beads=sometimes(0.08, 0.002, 0.03),
        filaments=sometimes(0.1, 0.001, 0.01),
        aggregates=sometimes(0.1, 0.001, 0.01),
        ice=0.05,
        cracks=0.05,
        absorbers=sometimes(0.3, 0.003, 0.06),
        support=0.08,
        patches=sometimes(0.12, 0.2, 3),
        stripes=sometimes(0.06, 0.05, 0.6),
        stain=stain,
        lowpass_wpx=log_uniform(0.3, 2.0) if rng.random() < 0.25 else 0.0,
        highpass_wpx=log_uniform(10, 60) if rng.random() < 0.15 else 0.0,
        cutoff=rng.uniform(0.12, 0.45) if rng.random() < 0.15 else 0.0,
        median=not denoised and rng.random() < 0.05,
        multiplicative=rng.uniform(0, 1) if rng.random() < 0.1 else 0.0,
        inverted=0.05 <= kind < 0.07,
    )
    # Half of the images without particles hold nothing at all: every pick on them is of noise.
    return replace(made, **_NOTHING) if kind < 0.025 else made


def draw_log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform between those of two."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
