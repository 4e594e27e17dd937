"""Write a network as its changes to the one that its training started from: a small file to ship.

    python tools/pack_network.py NETWORK OUT --base FILE --structures FOLDER [--heads NAME,...]

Scores are compared on simulated whole micrographs of the structures given. What the file says is then the
network: report its figures, not those of NETWORK.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from recentre_network import whole_micrograph

from napari_hydrapicker.hydra.weights import load
from napari_hydrapicker.training.data_sets import load_clouds
from napari_hydrapicker.training.packing import GENERIC_TOLERANCE, pack

FIRST_SEED = 20000


def main() -> None:
    """Read the arguments, simulate, pack, say how large the file is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--structures", type=Path, action="append", required=True)
    parser.add_argument("--heads", help="heads to keep, comma separated; all by default")
    parser.add_argument("--count", type=int, default=6, help="micrographs")
    parser.add_argument("--tolerance", type=float, default=GENERIC_TOLERANCE)
    arguments = parser.parse_args()
    wanted = None if arguments.heads is None else [name for name in arguments.heads.split(",") if name]
    model, metadata = load(arguments.network, wanted)
    whiten = metadata.preprocessing.get("whiten", 0.0)
    assert isinstance(whiten, int | float)
    clouds = load_clouds(arguments.structures, 0)
    with tempfile.TemporaryDirectory() as scratch:
        images = [
            whole_micrograph(cloud, FIRST_SEED + i, (3000, 4200), whiten, Path(scratch)).image
            for i, cloud in enumerate(clouds[:: max(1, len(clouds) // arguments.count)][: arguments.count])
        ]
    meta = pack(model, metadata, arguments.base, images, arguments.out, arguments.tolerance)
    whole = [name for name in meta.heads[1:] if name not in meta.differences]
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, heads {', '.join(meta.heads)}")
    if whole:
        print(f"stored whole: {', '.join(whole)}")


if __name__ == "__main__":
    main()
