"""The pickers of this package, and the Laplacian of a Gaussian, as a process that serves (`serving`)."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from skimage.feature import peak_local_max

from benchmarks.serving import Json, forget_peak, seconds_of, serve
from napari_hydrapicker.hydra.weights import load, save
from napari_hydrapicker.imaging.prepare import prepare
from napari_hydrapicker.imaging.rescale import DIAMETER_WPX
from napari_hydrapicker.io.micrograph import Micrograph, open_micrograph
from napari_hydrapicker.picking.base import NMS_DISTANCE_WPX, Candidates, Picker, kept, load_picker
from napari_hydrapicker.picking.library import HeadLibrary, bundled_path
from napari_hydrapicker.picking.parameters import CGanSpec, HydraSpec, PickParameters
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.few_shot import FewShotParameters
from napari_hydrapicker.training.finetune import finetune
from napari_hydrapicker.training.kept_head import keep

SIGMAS = (0.6, 0.8, 1.0)
"""Of the Laplacian of a Gaussian, in units of the one that fits a disc of the particle's diameter best."""


def parameters(job: Json) -> PickParameters:
    """How a job wants its micrographs looked at."""
    return PickParameters(diameter_angstrom=job["diameter"], border_angstrom=job["border"])


def micrographs(job: Json) -> list[Micrograph]:
    """Those to pick."""
    return [open_micrograph(Path(path), pixel) for path, pixel in job["micrographs"]]


def as_lists(picks: Picks) -> Json:
    """Picks as JSON."""
    score = np.asarray(picks.score, np.float64)
    return {"yx": np.round(picks.yx, 2).tolist(), "score": np.round(score, 9).tolist()}


@functools.lru_cache(maxsize=2)
def loaded(spec: HydraSpec | CGanSpec) -> Picker:
    """A picker, which is loaded once."""
    return load_picker(spec, "cpu")


def specification(job: Json) -> HydraSpec | CGanSpec:
    """What a job picks with."""
    if job["kind"] == "cgan":
        return CGanSpec()
    weights = Path(job["weights"]) if job.get("weights") else None
    return HydraSpec(weights=weights, quality=job.get("quality", "fast"), contrast="dark")


def pick(job: Json, spec: HydraSpec | CGanSpec) -> Json:
    """Pick the micrographs of a job."""
    picker, p = loaded(spec), parameters(job)
    made, spent = {}, []
    for one in micrographs(job):
        picks, seconds = seconds_of(lambda one=one: picker.pick_micrograph(one, p))
        made[one.name] = as_lists(picks)
        spent.append(seconds)
    return {"variants": {"": made}, "seconds": {"": float(np.mean(spent))}}


def pick_among_heads(job: Json) -> Json:
    """Load a network whose file has many heads, and pick with one: memory and time with the loading."""
    model, metadata = load(Path(job["weights"]) if job.get("weights") else bundled_path())
    for i in range(job["heads"] - 1):
        model.add_head(f"head-{i}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        save(model, path, metadata)
        del model
        loaded.cache_clear()
        forget_peak()
        _, seconds = seconds_of(lambda: loaded(HydraSpec(weights=path, contrast="dark")))
    made = pick(job, HydraSpec(weights=path, contrast="dark"))
    made["seconds"] = {"": made["seconds"][""] + seconds}
    return made


def pick_with_head(job: Json) -> Json:
    """Train a head on the first micrographs of a set, and pick others with it."""
    weights = Path(job["weights"]) if job.get("weights") else bundled_path()
    model, metadata = load(weights, [])
    rng = np.random.default_rng(0)
    examples = []
    for path, pixel, yx in job["training"]:
        places = np.array(yx).reshape(-1, 2)
        if job["share"] < 1:
            places = places[rng.random(len(places)) < job["share"]]
        one = open_micrograph(Path(path), pixel)
        examples.append(AnnotatedMicrograph(one, places, np.empty((0, 2)), job["share"] == 1))
    p = replace(FewShotParameters(), **job["few_shot"])
    (result, record), seconds = seconds_of(
        lambda: finetune(model, metadata, examples, job["diameter"], "benchmark", p)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = keep(HeadLibrary(Path(folder)), result, record)
        loaded.cache_clear()
        made = pick(job, HydraSpec(weights=weights, head=str(path), contrast="dark"))
    return {**made, "training_seconds": seconds, "used": result.better is not False}


def pick_by_log(job: Json) -> Json:
    """Pick with the Laplacian of a Gaussian, on what our network would be shown."""
    p = parameters(job)
    found: dict[str, Json] = {f"sigma {factor}": {} for factor in SIGMAS}
    spent: dict[str, list[float]] = {name: [] for name in found}
    for one in micrographs(job):
        prepared, common = seconds_of(lambda one=one: prepare(one, job["diameter"]))
        for factor, name in zip(SIGMAS, found, strict=True):

            def blobs(factor: float = factor, prepared=prepared) -> Candidates:  # type: ignore[no-untyped-def]
                sigma = factor * DIAMETER_WPX / 2 / 2**0.5
                answer = ndimage.gaussian_laplace(prepared.image, sigma) * sigma**2
                yx = peak_local_max(answer, min_distance=int(NMS_DISTANCE_WPX), exclude_border=False)
                return Candidates(prepared, yx.astype(np.float64), answer[tuple(yx.T)].astype(np.float64))

            candidates, seconds = seconds_of(blobs)
            found[name][one.name] = as_lists(kept(candidates, p, prepared.pixel_size_angstrom, 0.0))
            spent[name].append(common + seconds)
    return {"variants": found, "seconds": {name: float(np.mean(some)) for name, some in spent.items()}}


def answer(job: Json) -> Json:
    """Do a job."""
    if job["kind"] == "log":
        return pick_by_log(job)
    if job["kind"] == "head":
        return pick_with_head(job)
    if job["heads"]:
        return pick_among_heads(job)
    return pick(job, specification(job))


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(answer)
