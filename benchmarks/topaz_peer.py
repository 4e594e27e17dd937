"""Topaz' detectors as a process that serves (`serving`), run by the Python of an environment with topaz-em.

That environment needs nothing of this package: ``python -m venv ENV``, ``ENV/bin/pip install torch pandas
scikit-learn scipy pillow tqdm h5py future mrcfile``, ``ENV/bin/pip install --no-deps topaz-em==0.3.20``.
Topaz imports torchvision, but needs it for training alone: here an empty module stands for it.

A micrograph is brought to several scales by Topaz' own functions, as `topaz preprocess` does, scored as
`topaz extract` does, and thinned out by its own function with two radii: all of these are answers, of which
the caller takes the best.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types

import mrcfile
import numpy as np

from benchmarks.serving import Json, seconds_of, serve

DIAMETERS_PX = (12, 18, 27)
"""Of the particle on the scaled micrograph; a micrograph is never enlarged."""
RADII = (0.33, 0.5)
"""In diameters: between picks."""
_LEAST = -6.0  # score, as `topaz extract` has it
_ITERATIONS, _SAMPLE = 100, 10  # of `topaz preprocess`


def stand_in_for_torchvision() -> None:
    """Let Topaz import what it does not use."""
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    sys.modules["torchvision.transforms.functional"].rotate = None  # type: ignore[attr-defined]


def read(path: str) -> np.ndarray:
    """A micrograph's pixels as float32."""
    if path.endswith(".png"):
        from PIL import Image

        return np.asarray(Image.open(path).convert("L"), np.float32)
    with mrcfile.open(path, permissive=True) as file:
        return np.asarray(file.data, np.float32)


def main() -> None:
    """Serve."""
    stand_in_for_torchvision()
    import torch
    from topaz.algorithms import non_maximum_suppression
    from topaz.model.factory import load_model
    from topaz.stats import normalize
    from topaz.utils.image import downsample

    torch.set_num_threads(1)
    models: dict[str, torch.nn.Module] = {}

    def scored(image: np.ndarray, shape: tuple[int, int], model: torch.nn.Module) -> np.ndarray:
        small = downsample(image, shape=shape) if shape != image.shape else image
        np.random.seed(0)  # noqa: NPY002 - Topaz draws its sample of pixels from there
        small, _ = normalize(small, num_iters=_ITERATIONS, sample=_SAMPLE)
        with torch.no_grad():
            score: np.ndarray = model(torch.from_numpy(small.copy()).float()[None, None]).data[0, 0].numpy()
        return score

    def answer(job: Json) -> Json:
        name = job["network"]
        if name not in models:
            models[name] = load_model(name).eval()
            models[name].fill()
        made: dict[str, Json] = {}
        spent: dict[str, list[float]] = {}
        for path, pixel in job["micrographs"]:
            image = read(path)
            native = job["diameter"] / pixel
            for wanted in DIAMETERS_PX:
                shape = tuple(int(n * min(1.0, wanted / native)) // 2 * 2 for n in image.shape)
                score, seconds = seconds_of(lambda i=image, s=shape: scored(i, s, models[name]))
                factors = np.array(image.shape) / shape
                for part in RADII:
                    radius = max(1, round(part * native / factors[0]))
                    (least, xy), more = seconds_of(
                        lambda s=score, r=radius: non_maximum_suppression(s, r, threshold=_LEAST)
                    )
                    variant = f"{wanted} px, radius {part}"
                    key = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
                    yx = np.asarray(xy[:, ::-1], np.float64) * factors
                    probability = 1 / (1 + np.exp(-least.astype(np.float64)))
                    made.setdefault(variant, {})[key] = {
                        "yx": np.round(yx, 2).tolist(), "score": np.round(probability, 5).tolist(),
                    }  # fmt: skip
                    spent.setdefault(variant, []).append(seconds + more)
        return {"variants": made, "seconds": {key: float(np.mean(some)) for key, some in spent.items()}}

    serve(answer)


if __name__ == "__main__":
    main()
