"""Benchmarks of the pickers.

    python -m benchmarks report --sets SETS [--data DATA]   how good and how fast, against others
    python -m benchmarks NAME ...                           a measurement below, with its own options

The report makes the sets that are not there (a few minutes), lets each contender pick each set, and writes
docs/report.md with its pictures and its table. What has been picked is kept: a run that was interrupted
goes on where it stopped, and only what depends on something that has changed is made anew.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import Contender, contenders
from benchmarks.report import Report
from benchmarks.results import Results, figures_of, group_key, kept_answer
from benchmarks.serving import working
from benchmarks.sets import SWEEPS, DataSet, make_sets, read_sets

HERE = Path(__file__).parent
SCRIPTS = (
    "ablation", "batch", "classes", "classes_head", "few_shot", "independent", "kill_picking", "kill_test",
    "offset", "pick", "round_trip", "window",
)  # fmt: skip
"""Measurements of their own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in SCRIPTS:  # in a process of its own, as some start others of themselves
        return subprocess.run(
            [sys.executable, str(HERE / f"{words[0]}.py"), *words[1:]], check=False
        ).returncode
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=f"{__doc__}\n{_listed()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{report," + ",".join(SCRIPTS) + "}"
    )
    report = commands.add_parser("report", help="compare the pickers, and write the report")
    report.add_argument(
        "--sets", type=Path, required=True, help="folder of sets; those that are missing are made there"
    )
    report.add_argument(
        "--data", type=Path, help="folder of micrographs, coordinates and structures to make them from"
    )
    report.add_argument("--only", default="", help="contenders to pick with, comma separated; by default all")
    report.add_argument("--groups", default="", help="groups of sets, comma separated; by default all")
    report.add_argument("--anew", action="store_true", help="pick again what --only and --groups name")
    report.add_argument("--weights", type=Path, help="our network; by default the bundled one")
    report.add_argument("--topaz-python", help="interpreter of an environment with topaz-em")
    report.add_argument("--aspire-python", help="interpreter of an environment with aspire")
    report.add_argument("--before", type=Path, help="picks of the network of before: SET/*_autopick.star")
    report.add_argument(
        "--results", type=Path, default=HERE / "results.json", help="file that keeps the figures"
    )
    report.add_argument("--kept", type=Path, help="folder that keeps picks; by default SETS/picks")
    report.add_argument("--template", type=Path, default=HERE / "report_template.md")
    report.add_argument("--out", type=Path, default=HERE.parent / "docs")
    make_report(parser.parse_args(words))
    return 0


def _listed() -> str:
    """The first line of what each measurement says of itself."""
    lines = []
    for name in SCRIPTS:
        text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
        lines.append(f"  {name:13} {text.splitlines()[0]}")
    return "\n".join(lines)


def make_report(arguments: argparse.Namespace) -> None:
    """Pick what has to be picked, then write the report."""
    if arguments.data:
        make_sets(arguments.sets, arguments.data)
    groups: dict[str, list[DataSet]] = {}
    for one in read_sets(arguments.sets):
        groups.setdefault(one.group, []).append(one)
    published = arguments.data / "formats" if arguments.data else None
    rows = contenders(
        arguments.weights, arguments.topaz_python, arguments.aspire_python, published, arguments.before
    )
    results = Results(arguments.results)
    kept = arguments.kept or arguments.sets / "picks"
    named, wanted = (
        set(filter(None, arguments.only.split(","))),
        set(filter(None, arguments.groups.split(","))),
    )
    for row in rows:
        if not named or row.name in named:
            some = {name: sets for name, sets in groups.items() if not wanted or name.split("@")[0] in wanted}
            bring_up_to_date(row, some, results, kept, arguments.anew)
    Report(results, rows, groups).write(arguments.template, arguments.out)
    print(f"wrote {arguments.out / 'report.md'}")


def bring_up_to_date(
    contender: Contender, groups: dict[str, list[DataSet]], results: Results, kept: Path, anew: bool = False
) -> None:
    """Pick the groups of sets of which a contender has no figures, or others than today's."""
    with working(contender.command or []) as worker:
        for group, sets in groups.items():
            if group.split("@")[0] not in (*SWEEPS, "stated"):
                worker.close()  # a new process, for what another group took may stay with the old one
            taken = [one for one in sets if contender.takes(one)]
            known = results.get(contender.name, group)
            if not taken or (known and known.key == group_key(contender, taken) and not anew):
                continue
            if not contender.is_at_hand(taken):
                continue
            begun = time.monotonic()
            answers = []
            for i, one in enumerate(taken):
                answers.append(kept_answer(kept, contender, one, worker, anew))
                if contender.is_head or one is taken[-1]:  # heads take minutes each
                    made = figures_of(contender, taken[: i + 1], answers)
                    results.put(made)
            print(
                f"{contender.name} {group}: AP {made.ap:.3f} ({time.monotonic() - begun:.0f} s)", flush=True
            )


if __name__ == "__main__":
    sys.exit(main())
