"""Time of picking one 4096 x 4096 micrograph, beside Topaz where it is installed, in turns.

Run as ``python benchmarks/pick.py [MICROGRAPH --diameter ANGSTROM] [--weights FILE]``; without a micrograph
it writes noise of 4096 x 4096 pixels (1.77 A per pixel, diameter 180 A). Networks are loaded beforehand and
two threads are used on either side.

Topaz (PyPI ``topaz-em``) is used in process where it can be imported. It pins other versions of its
dependencies, so it had better live in an environment of its own, whose interpreter ``--topaz-python`` names:
``python -m venv ENV``, ``ENV/bin/pip install torch pandas scikit-learn scipy pillow tqdm h5py future`` and
``ENV/bin/pip install --no-deps topaz-em``. Topaz imports torchvision but needs it for training alone: where
there is none for this torch, a package with a function ``torchvision.transforms.functional.rotate`` will do.
Topaz is timed by its own functions, as `topaz preprocess` at 1/8 (which writes an MRC file) and
`topaz extract` with its bundled networks; without gradients, which its command computes for nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

SCALE = 8
TOPAZ_MODELS = ("resnet16", "resnet16_u32")  # the first, of 64 units, is what it takes by default


def topaz_jobs(path: Path, radius: int, models: list[str], folder: Path) -> dict[str, Callable[[], object]]:
    """`topaz preprocess` and one `topaz extract` for each of its bundled networks."""
    from topaz.algorithms import non_maximum_suppression
    from topaz.commands import normalize
    from topaz.model.factory import load_model
    from topaz.utils.data.loader import load_image

    def preprocess() -> None:
        parsed = normalize.add_arguments().parse_args([str(path), "-s", str(SCALE), "-o", str(folder)])
        normalize.main(parsed)

    def extract(model: torch.nn.Module) -> None:
        image = load_image(str(folder / path.name), make_image=False, return_header=False)
        with torch.no_grad():
            score = model(torch.from_numpy(image.copy()).float()[None, None]).data[0, 0].numpy()
        non_maximum_suppression(score, radius, threshold=-6)

    jobs: dict[str, Callable[[], object]] = {"topaz preprocess": preprocess}
    for name in models:
        model = load_model(name)
        model.eval()
        model.fill()
        jobs[f"topaz extract {name}"] = partial(extract, model)
    return jobs


def served_jobs(interpreter: str, request: dict[str, object]) -> dict[str, Callable[[], float]]:
    """The same in a second, waiting process; each job returns the seconds that it took there."""
    process = subprocess.Popen(
        [interpreter, __file__, "--serve-topaz", json.dumps(request)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ask, answers = process.stdin, process.stdout

    def job(name: str) -> float:
        print(name, file=ask, flush=True)
        return float(answers.readline())

    names: list[str] = json.loads(answers.readline())
    return {name: partial(job, name) for name in names}


def serve_topaz(request: dict[str, object]) -> None:
    """Run the jobs named on standard input until it ends, and print their seconds."""
    torch.set_num_threads(int(str(request["threads"])))
    with tempfile.TemporaryDirectory() as folder:
        path, radius, models = Path(str(request["path"])), int(str(request["radius"])), request["models"]
        assert isinstance(models, list)
        jobs = topaz_jobs(path, radius, models, Path(folder))
        print(json.dumps(list(jobs)), flush=True)
        for line in sys.stdin:
            print(seconds(jobs[line.rstrip("\n")]), flush=True)


def seconds(job: Callable[[], object]) -> float:
    """How long a job takes: what it returns if it timed itself."""
    start = time.perf_counter()
    result = job()
    return result if isinstance(result, float) else time.perf_counter() - start


def our_jobs(path: Path, arguments: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """Preparing alone, and picking in all."""
    from napari_hydrapicker.hydra.network import HydraPicker
    from napari_hydrapicker.hydra.weights import Metadata
    from napari_hydrapicker.imaging.prepare import prepare
    from napari_hydrapicker.io.micrograph import open_micrograph
    from napari_hydrapicker.picking.hydra import HydraNetPicker
    from napari_hydrapicker.picking.parameters import HydraSpec, PickParameters

    if arguments.untrained:  # computes as long as a trained one
        picker = HydraNetPicker(HydraPicker().eval(), Metadata())
    else:
        picker = HydraNetPicker.load(HydraSpec(weights=arguments.weights), "cpu")
    diameter, size = arguments.diameter, arguments.pixel_size
    micrograph = open_micrograph(path, size)
    return {
        "prepare": lambda: prepare(micrograph, diameter),
        "pick": lambda: picker.pick_micrograph(micrograph, PickParameters(diameter_angstrom=diameter)),
    }


def write_noise(path: Path, pixel_size: float) -> Path:
    """Write a micrograph of noise."""
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(np.random.default_rng(0).normal(0, 20, (4096, 4096)).astype(np.float32))
        file.voxel_size = pixel_size
    return path


def report(times: dict[str, list[float]]) -> None:
    """Print the medians, the first round left out, and the ratios of each round's times."""
    rounds = {name: np.array(taken[1:]) for name, taken in times.items()}
    for name, taken in rounds.items():
        print(f"{name}: {np.median(taken):.3f} s ({taken.min():.3f} to {taken.max():.3f})")
    for name in [name for name in rounds if name.startswith("topaz extract")]:
        other = rounds["topaz preprocess"] + rounds[name]
        ratio = np.median(rounds["pick"] / other)
        print(f"pick / (topaz preprocess + {name[6:]}): {ratio:.2f} (topaz {np.median(other):.3f} s in all)")


def main() -> None:
    """Time both in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("micrograph", nargs="?", type=Path)
    parser.add_argument("--diameter", type=float, default=180.0, help="particle diameter, Angstrom")
    parser.add_argument("--pixel-size", type=float, default=1.77, help="Angstrom")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--untrained", action="store_true", help="time a network without a file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--topaz-python", help="interpreter of an environment with topaz-em")
    parser.add_argument("--topaz-models", nargs="*", default=list(TOPAZ_MODELS), help="bundled networks")
    parser.add_argument("--serve-topaz", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_topaz:
        serve_topaz(arguments.serve_topaz)
        return
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.micrograph or write_noise(Path(folder) / "noise.mrc", arguments.pixel_size)
        # Topaz' radius counts pixels of the downsampled image; half a diameter, as its manual has it.
        radius = max(1, round(arguments.diameter / arguments.pixel_size / SCALE / 2))
        jobs = our_jobs(path, arguments)
        if arguments.topaz_python:
            request: dict[str, object] = {"path": str(path.resolve()), "radius": radius}
            request |= {"threads": arguments.threads, "models": arguments.topaz_models}
            jobs |= served_jobs(arguments.topaz_python, request)
        else:
            try:
                jobs |= topaz_jobs(path, radius, arguments.topaz_models, Path(folder))
            except ImportError:
                print("topaz-em is not installed: left out (see --topaz-python)")
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(arguments.rounds + 1):
            for name, job in jobs.items():
                times[name].append(seconds(job))
        report(times)


if __name__ == "__main__":
    main()
