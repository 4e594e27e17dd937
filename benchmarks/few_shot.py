"""Zero-shot, few-shot and from scratch on simulated targets that no training saw (thesis, Tables B.2, B.3).

Run as ``python benchmarks/few_shot.py STRUCTURE... [--counts 1,3,5] [--draws 3] [--processes 2]``. Every
target is one molecule, every draw of its conditions a data set, of which only the defocus varies between
micrographs. Five micrographs are for training, others for testing (five, or ``--test``). AP counts box
overlaps above 0.6. What a head gains in AP stands with its standard error, by leaving out one test micrograph
after the other: with five, a gain within a few thousandths is chance. Where a micrograph is held out, its AP
with the generic and the new head stands there too: by that the window takes the one or the other, and *used*
counts what it takes. With ``--within`` conditions are drawn until the generic head's AP, on further
micrographs, is in that range. With
``--marks 8 --complete 2`` all but the last two of the corrected micrographs are marked in part: eight
particles that the generic head missed, and eight of its false picks. With ``--results`` a file keeps the
rows, and a broken-off run goes on from it.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from few_shot_table import Row, line, summary
from few_shot_targets import TRAINING, data_set, figures, from_scratch, gain, in_part, suitable_seed

from napari_hydrapicker.hydra.weights import load
from napari_hydrapicker.picking.library import bundled_path
from napari_hydrapicker.training.features import pixel_windows, windows
from napari_hydrapicker.training.few_shot import FewShotParameters, train_head

Job = tuple[Path, int]
BETWEEN_DRAWS = 10  # seeds


def run(job: Job, arguments: argparse.Namespace) -> list[Row]:
    """Everything that is asked for of one target under one draw of its conditions."""
    if arguments.processes > 1:
        torch.set_num_threads(1)
    structure, seed = job
    model, metadata = load(arguments.weights or bundled_path(), [])
    whiten = metadata.preprocessing.get("whiten", 0.0)
    assert isinstance(whiten, float | int)
    p = FewShotParameters(
        steps=arguments.steps, learning_rate=arguments.rate, lambda_bias=arguments.lambda_bias,
        share=arguments.share, adapt_body=False if arguments.frozen_body else None,
    )  # fmt: skip
    drawn = seed
    if arguments.within:
        low, high = map(float, arguments.within.split(","))
        drawn = suitable_seed(model, structure, seed, whiten, (low, high))
    made = data_set(structure, drawn, whiten, arguments.test)
    test = [w for one in made[TRAINING:] for w in windows(model, one)]
    pixels = [w for one in made[TRAINING:] for w in pixel_windows(one)]
    rows = [Row(structure.stem, seed, drawn, "zero-shot", *figures(model.head(), test))]
    for count in map(int, filter(None, arguments.counts.split(","))):
        corrected = made[:count]
        if arguments.marks:
            partial = max(0, count - arguments.complete)
            corrected[:partial] = [in_part(model, one, arguments.marks, seed) for one in made[:partial]]
        held = corrected[-1:] if count > 1 else []
        begun = time.monotonic()
        result = train_head(model, corrected[: count - len(held)], held, p)
        seconds = time.monotonic() - begun
        shown = pixels if result.head.takes_images else test
        scores = (*figures(result.head, shown), seconds, *gain(result.head, shown, model.head(), test))
        known = () if result.better is None else (result.before.ap, result.after.ap, result.error)
        rows.append(Row(structure.stem, seed, drawn, f"few-shot {count}", *scores, *known))
    if arguments.scratch_steps:
        begun = time.monotonic()
        new = from_scratch(model, made[:TRAINING], arguments.scratch_steps, arguments.scratch_crop)
        seconds = time.monotonic() - begun
        own = [w for one in made[TRAINING:] for w in windows(new.eval(), one)]
        scores = (*figures(new.head(), own), seconds, *gain(new.head(), own, model.head(), test))
        rows.append(Row(structure.stem, seed, drawn, f"scratch {TRAINING}", *scores))
    return rows


def results(jobs: list[Job], arguments: argparse.Namespace) -> Iterator[list[Row]]:
    """Rows of each job as they come, those of an earlier run first."""
    kept: Path | None = arguments.results
    known = [json.loads(one) for one in kept.read_text().splitlines()] if kept and kept.exists() else []
    wanted = {(structure.stem, seed): (structure, seed) for structure, seed in jobs}
    for one in known:
        rows = [Row(**row) for row in one]
        if wanted.pop((rows[0].target, rows[0].seed), None):
            yield rows
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        work = functools.partial(run, arguments=arguments)
        for rows in pool.imap_unordered(work, list(wanted.values())):
            if kept:
                with kept.open("a") as file:
                    file.write(json.dumps([asdict(row) for row in rows]) + "\n")
            yield rows


def main() -> None:
    """Print a row for each target, draw and number of training micrographs, then the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("structures", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--counts", default="1,3,5")
    parser.add_argument("--steps", type=int, default=FewShotParameters.steps)
    parser.add_argument("--rate", type=float, default=FewShotParameters.learning_rate)
    parser.add_argument("--share", type=float, default=FewShotParameters.share)
    parser.add_argument("--lambda-bias", type=float, default=FewShotParameters.lambda_bias)
    parser.add_argument("--frozen-body", action="store_true", help="train the head alone")
    parser.add_argument("--scratch-steps", type=int, default=0)
    parser.add_argument("--scratch-crop", type=int, default=192)
    parser.add_argument("--seed", type=int, default=1, help="of the first target's first draw")
    parser.add_argument("--draws", type=int, default=1, help="of the conditions, for each target")
    parser.add_argument(
        "--within", help="AP of the generic head, LOW,HIGH: draw conditions until it is there"
    )
    parser.add_argument("--test", type=int, default=5, help="micrographs for testing")
    parser.add_argument("--marks", type=int, default=0, help="of each kind, on micrographs corrected in part")
    parser.add_argument("--complete", type=int, default=0, help="of the last micrographs are complete")
    parser.add_argument("--processes", type=int, default=1, help="each on one core if there are several")
    parser.add_argument("--results", type=Path, help="file that keeps the rows")
    arguments = parser.parse_args()
    if missing := [str(one) for one in arguments.structures if not one.exists()]:
        parser.error(f"no such file: {', '.join(missing)}")
    jobs = [
        (structure, arguments.seed + i + BETWEEN_DRAWS * draw)
        for draw in range(arguments.draws)
        for i, structure in enumerate(arguments.structures)
    ]
    rows = []
    for some in results(jobs, arguments):
        for row in some:
            print(line(row), flush=True)
        rows += some
    print(summary(rows))


if __name__ == "__main__":
    main()
