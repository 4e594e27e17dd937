"""The generator that comes with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cgan.preprocess import to_working_image
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.evaluation.matching import Criterion, match
from napari_hydrapicker.io.coordinates import read
from napari_hydrapicker.io.micrograph import open_micrograph
from napari_hydrapicker.picking.base import kept
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.library import bundled_generator
from napari_hydrapicker.picking.parameters import PickParameters
from napari_hydrapicker.training.cgan_data import PairMaker, varied


@pytest.fixture(scope="module")
def picker() -> CGanPicker:
    return CGanPicker.load(device="cpu")


def test_it_is_small_and_says_where_it_comes_from(picker: CGanPicker) -> None:
    path = bundled_generator()
    assert path is not None
    assert path.stat().st_size < 4e6
    assert picker.metadata.training["background_micrographs"] == 0, "it has seen no micrograph"
    assert 0.05 < picker.threshold < 0.95


def test_it_finds_synthetic_particles_in_their_places(picker: CGanPicker) -> None:
    maker = PairMaker(varied(SynthesisParameters.for_particles()), side_wpx=320)
    true = found = particles = 0
    for seed in range(3):
        pair = maker(np.random.default_rng((77, seed)))
        # The pair as a micrograph twice as large, cut to an oblong.
        pixels = np.kron(pair.image[:240], np.ones((2, 2), np.float32))
        diameter_px = 2 * picker.metadata.diameter_wpx
        working = to_working_image(
            pixels, diameter_px, use_mask=False, diameter_wpx=picker.metadata.diameter_wpx
        )
        parameters = PickParameters(diameter_angstrom=diameter_px, border_angstrom=0)
        picks = kept(picker.candidates(working), parameters, 1.0).above(picker.threshold)
        truth = 2 * pair.yx[pair.yx[:, 0] < 239.5] + 0.5
        true += match(picks.yx, picks.score, truth, diameter_px, Criterion.QUARTER).is_true.sum()
        found += len(picks)
        particles += len(truth)
    assert true / found > 0.7
    assert true / particles > 0.6


def test_it_finds_real_ribosomes(picker: CGanPicker, shared_data: Path) -> None:
    micrograph = open_micrograph(shared_data / "micrographs" / "empiar10028" / "061.mrc")
    labels = read(shared_data / "coordinates" / "empiar10028" / "061_autopick.star")["061"]
    picks = picker.pick_micrograph(micrograph, PickParameters(diameter_angstrom=300.0)).above(
        picker.threshold
    )
    true = match(picks.yx, picks.score, labels.yx, 300 / 5.36, Criterion.QUARTER).is_true.sum()
    # The labels leave one visible ribosome in five out.
    assert true / len(picks) > 0.65
    assert true / len(labels) > 0.85
