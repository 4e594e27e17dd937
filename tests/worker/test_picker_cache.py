"""The network that was picked with last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.errors import ParameterError, WeightsError
from napari_hydrapicker.io import coordinates as formats
from napari_hydrapicker.picking.cgan import CGanPicker
from napari_hydrapicker.picking.consensus import JointPicker
from napari_hydrapicker.picking.hydra import HydraNetPicker
from napari_hydrapicker.picking.library import bundled_generator, bundled_path
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.worker.messages import PickRequest
from napari_hydrapicker.worker.picking import PickerCache, device_name, remark_on

Make = Callable[..., PickRequest]


def test_a_network_is_loaded_once(request_of: Make) -> None:
    cache = PickerCache()
    first = cache.get(request_of(1))
    assert cache.get(request_of(2)) is first
    assert device_name(first).startswith("CPU, ")


def test_a_network_that_was_saved_anew_is_loaded_again(request_of: Make, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(bundled_path(), weights)
    cache = PickerCache()
    first = cache.get(request_of(1, picker=HydraSpec(weights=weights)))
    assert cache.get(request_of(2, picker=HydraSpec(weights=weights))) is first
    changed = weights.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(changed, changed))
    assert cache.get(request_of(3, picker=HydraSpec(weights=weights))) is not first


def test_the_picker_that_is_asked_for_is_loaded(request_of: Make) -> None:
    cache = PickerCache()
    assert isinstance(cache.get(request_of(1)), HydraNetPicker)
    second = cache.get(request_of(2, picker=CGanSpec()))
    assert isinstance(second, CGanPicker)
    assert device_name(second).startswith("CPU, ")
    assert isinstance(cache.get(request_of(3)), HydraNetPicker)


def test_a_generator_of_the_users_own_is_loaded_and_loaded_again_when_it_changes(
    request_of: Make, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    shutil.copy(str(bundled_generator()), own)
    generator, meta = generator_file.load(own)
    cache = PickerCache()
    bundled = cache.get(request_of(1, picker=CGanSpec()))
    assert cache.get(request_of(2, picker=CGanSpec())) is bundled
    first = cache.get(request_of(3, picker=CGanSpec(weights=own)))
    assert first is not bundled
    generator_file.save(generator, own, meta.model_copy(update={"threshold": 0.123}))
    changed = own.stat().st_mtime_ns + 10**9
    os.utime(own, ns=(changed, changed))
    assert cache.get(request_of(4, picker=CGanSpec(weights=own))).threshold == 0.123
    assert remark_on(bundled) == ""


def test_what_is_no_generator_is_refused(request_of: Make, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a generator"):
        PickerCache().get(request_of(1, picker=CGanSpec(weights=bundled_path())))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(Path(str(bundled_generator())).read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged"):
        PickerCache().get(request_of(1, picker=CGanSpec(weights=damaged)))


def test_a_consensus_loads_its_pickers_and_reads_imported_picks_for_each_job(
    request_of: Make, tmp_path: Path
) -> None:
    cache = PickerCache()
    both = ConsensusSpec(members=(HydraSpec(), CGanSpec()))
    first = cache.get(request_of(1, picker=both))
    assert isinstance(first, JointPicker)
    assert list(first.pickers) == ["hydra", "cgan"]
    assert cache.get(request_of(2, picker=both)) is first
    assert cache.get(request_of(3, picker=both.model_copy(update={"votes": 2}))) is not first
    assert device_name(first).startswith("CPU, ")
    formats.write({"m1": Picks(np.array([[10.0, 20.0]]), np.array([9.0]))}, tmp_path, "star")
    third = ConsensusSpec(members=(CGanSpec(),), imported=tmp_path)
    with_imported = cache.get(request_of(4, picker=third))
    assert "no probabilities" in remark_on(with_imported)
    assert cache.get(request_of(5, picker=third)) is not with_imported
    with pytest.raises(ParameterError, match="two lists"):
        cache.get(request_of(6, picker=ConsensusSpec(members=(CGanSpec(),))))
