"""The report: a template in which tables are filled in, with pictures, and all figures as a CSV table."""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import plots
from benchmarks.contenders import Contender
from benchmarks.results import Figures, Results, group_key
from benchmarks.sets import STATED_LABEL, SWEEPS, DataSet

SEEN = "other micrographs of the set were trained on"
TITLES = {
    "empiar10017": "EMPIAR-10017, six micrographs",
    "empiar10028": "EMPIAR-10028, two",
    "published": "EMPIAR-10017, three others' picks exist of",
    "molecules": "eight molecules, usual conditions",
    "wide": "the same, wide conditions",
    "targets": "seven molecules, one condition each",
}
"""The groups that have tables of their own, as they are called there."""
TRAINED_ON = {"empiar10017": SEEN, "empiar10028": SEEN, "published": "one of them was trained on"}
NOTHING = ("noise", "negatives")
OLD, SEEN_MARK = "†", "(seen)"
_UNKNOWN = ""
_MARGIN = 0.02  # AP: less is not called a difference


class Report:
    """Makes the parts of the report.

    Parameters
    ----------
    results
        What is known.
    contenders
        Rows, in order.
    groups
        Sets by group.
    """

    def __init__(
        self, results: Results, contenders: Sequence[Contender], groups: dict[str, list[DataSet]]
    ) -> None:
        self.results, self.contenders, self.groups = results, contenders, groups
        self.parts: dict[str, Callable[[], str]] = {
            "real": lambda: self.scores(("empiar10017", "empiar10028", "published")),
            "simulated": lambda: self.scores(("molecules", "wide", "targets")),
            "heads": self.heads,
            "nothing": self.nothing,
            "stated": lambda: self.swept("stated", STATED_LABEL),
            "background": lambda: self.swept("background", "background"),
            "cost": self.cost,
            "beaten": self.beaten,
            "versions": self.versions,
        }

    def filled(self, template: str) -> str:
        """Put the tables into a template, where it says ``{{name}}``.

        Raises
        ------
        KeyError
            If there is no such table.
        """
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.parts[found[1]](), template)

    def write(self, template: Path, out: Path) -> None:
        """Write ``report.md``, ``report.csv`` and the pictures ``images/report-*.png``."""
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.md").write_text(self.filled(template.read_text(encoding="utf-8")), encoding="utf-8")
        self.write_csv(out / "report.csv")
        shown = [one for one in self.contenders if not one.name.startswith("head-") or one.name == "head-3"]
        titles = [group for group in TITLES if group in self.groups]
        if titles:
            plots.precision_recall(out / "images" / "report-pr.png", self.complete, shown, titles)
            plots.calibration(out / "images" / "report-calibration.png", self.complete, shown, titles)
        swept = [
            one for one in shown if any(plots.swept(self.results, one.name, p) for p in (*SWEEPS, "stated"))
        ]
        if swept:
            plots.sweeps(out / "images" / "report-sweeps.png", self.results, swept)

    def write_csv(self, path: Path) -> None:
        """All figures, a line for each contender and group, with the AP of each set of it."""
        names = [
            one.name for one in dataclasses.fields(Figures) if one.name not in ("key", "curve", "calibration")
        ]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*names, "up_to_date"])
            for group in self.groups:
                for one in self.contenders:
                    if row := self.results.get(one.name, group):
                        writer.writerow(
                            [*(_cell(getattr(row, name)) for name in names), not self.is_old(one, group)]
                        )

    def is_old(self, contender: Contender, group: str) -> bool:
        """Whether figures are of a network, settings or micrographs that have changed since."""
        row = self.results.get(contender.name, group)
        sets = [one for one in self.groups[group] if contender.takes(one)]
        if row is not None and row.sets < len(sets):
            sets = [one for one in sets if one.name in row.each]
        return row is not None and row.key != group_key(contender, sets)

    def complete(self, contender: Contender, group: str) -> Figures | None:
        """What is known of a contender on a whole group: heads may not have been trained for all sets yet."""
        row = self.results.get(contender.name, group)
        return row if row and (not contender.is_head or row.sets == len(self.groups[group])) else None

    def scores(self, groups: Sequence[str]) -> str:
        """A table of the contenders on some groups."""
        lines = [
            "| | AP | mean AP of sets | AROC | F1 | F1 within d/4 | ECE | CPU s | MB |",
            "| --- " * 9 + "|",
        ]
        for group in groups:
            if group not in self.groups:
                continue
            some = next((row for one in self.contenders if (row := self.complete(one, group))), None)
            if some is None:
                continue
            seen = f"; {TRAINED_ON[group]} {SEEN_MARK}" if group in TRAINED_ON else ""
            lines.append(f"| **{TITLES[group]}**: {some.particles} particles{seen} | | | | | | | | |")
            best = max((row.ap for one in self.contenders if (row := self.complete(one, group))), default=0)
            for one in self.contenders:
                if row := self.complete(one, group):
                    mark = (
                        f" {SEEN_MARK}" if one.is_ours and group in TRAINED_ON and one.name != "cgan" else ""
                    ) + (f" {OLD}" if self.is_old(one, group) else "")
                    ap = f"**{row.ap:.3f}**" if row.ap >= best - _MARGIN else f"{row.ap:.3f}"
                    several = f"{row.mean_ap:.3f}" if row.sets > 1 else _UNKNOWN
                    shown = (row.aroc, row.f1, row.f1_quarter, row.ece)
                    lines.append(
                        f"| {one.title}{mark} | {ap} | {several} | "
                        + " | ".join(number(value) for value in shown)
                        + f" | {number(row.seconds, '.2f')} | {number(row.peak_mb, '.0f')} |"
                    )
        return "\n".join(lines)

    def heads(self) -> str:
        """What heads gain on each set that has micrographs to train them on."""
        groups = [group for group in ("targets", *TRAINED_ON) if group in self.groups]
        heads = [one for one in self.contenders if one.is_head and self._known(one, groups)]
        if not heads:
            return "No head was trained in this run."
        names = [one.title.removeprefix("HydraPicker, ") for one in heads]
        lines = [f"| AP | generic head | {' | '.join(names)} |", "| --- " * (2 + len(heads)) + "|"]
        for group in groups:
            before = self.results.get("hydra", group)
            rows = [self.results.get(one.name, group) for one in heads]
            if before is None or not any(rows):
                continue
            for name, ap in before.each.items():
                cells = [_gain([row.each[name]], [ap]) if row and name in row.each else "" for row in rows]
                if any(cells):
                    lines.append(f"| {name.removeprefix('targets-')} | {ap:.3f} | {' | '.join(cells)} |")
            if any(row and row.sets > 1 for row in rows):
                pairs = [
                    row and (list(row.each.values()), [before.each[name] for name in row.each])
                    for row in rows
                ]
                cells = [
                    f"{_gain(*pair)}, {len(pair[0])} sets" if pair and len(pair[0]) > 1 else ""
                    for pair in pairs
                ]
                whole = all(row is None or row.sets == before.sets for row in rows)
                mean = f"{before.mean_ap:.3f}" if whole else ""
                lines.append(f"| mean | {mean} | {' | '.join(cells)} |")
            spent = [f"{row.training_seconds:.0f}" if row else "" for row in rows]
            lines.append(f"| CPU seconds of a training | | {' | '.join(spent)} |")
        return "\n".join(lines)

    def _known(self, one: Contender, groups: Sequence[str]) -> bool:
        return any(self.results.get(one.name, group) for group in groups)

    def nothing(self) -> str:
        """Picks over 0.5 where there is nothing to pick."""
        known = [one for one in self.contenders if one.has_probabilities and self._known(one, NOTHING)]
        groups = [group for group in NOTHING if group in self.groups]
        lines = [
            "| picks over 0.5, an image | " + " | ".join(groups) + " |",
            "| --- " * (1 + len(groups)) + "|",
        ]
        for one in known:
            rows = [self.results.get(one.name, group) for group in groups]
            cells = [number(row.confident, ".1f") if row else _UNKNOWN for row in rows]
            lines.append(f"| {one.title} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def swept(self, parameter: str, label: str) -> str:
        """AP by the value of a parameter."""
        found = [(one, plots.swept(self.results, one.name, parameter)) for one in self.contenders]
        found = [(one, rows) for one, rows in found if rows]
        if not found:
            return "Not run."
        values = list(found[0][1])
        lines = [f"| AP; {label} | " + " | ".join(values) + " |", "| --- " * (1 + len(values)) + "|"]
        for one, rows in found:
            cells = [number(rows[value].ap) if value in rows else _UNKNOWN for value in values]
            lines.append(f"| {one.title} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def cost(self) -> str:
        """Seconds and memory by size of the micrograph, diameter, and number of heads."""
        lines = []
        for parameter, label in (
            ("size", "side, pixels (180 Å at 1.77 Å)"),
            ("diameter", "diameter, Å (4096 pixels)"),
            ("heads", "heads in the file (1024 pixels; loading counted)"),
        ):
            found = [(one, plots.swept(self.results, one.name, parameter)) for one in self.contenders]
            found = [(one, rows) for one, rows in found if rows]
            if not found:
                continue
            values = list(found[0][1])
            lines += [f"| {label} | " + " | ".join(values) + " |", "| --- " * (1 + len(values)) + "|"]
            for one, rows in found:
                cells = [
                    f"{number(rows[v].seconds, '.2f')} s, {number(rows[v].peak_mb, '.0f')} MB"
                    if v in rows
                    else ""
                    for v in values
                ]
                lines.append(f"| {one.title} | " + " | ".join(cells) + " |")
            lines.append("")
        return "\n".join(lines).rstrip()

    def beaten(self) -> str:
        """Where AP or F1 of something is above that of our generic head, or less than a margin below."""
        lines = []
        for group in self.groups:
            ours = self.results.get("hydra", group)
            if ours is None or math.isnan(ours.ap):
                continue
            for one in self.contenders:
                row = self.results.get(one.name, group)
                if row and not one.is_ours and (row.ap > ours.ap - _MARGIN or row.f1 > ours.f1 - _MARGIN):
                    where = f"{self.title(group)} ({row.particles} particles)"
                    scores = f"AP {row.ap:.3f} (HydraPicker {ours.ap:.3f}), F1 {row.f1:.3f} ({ours.f1:.3f})"
                    lines.append(f"- {where}: {one.title} {scores}")
        return "\n".join(lines) or "- Nowhere in these tables."

    def title(self, group: str) -> str:
        """What a group is called in a sentence."""
        parameter, _, value = group.partition("@")
        labels = {name: label for name, (label, _) in SWEEPS.items()} | {"stated": STATED_LABEL}
        return f"{labels[parameter]}: {value}" if value else TITLES.get(group, group)

    def versions(self) -> str:
        """What the rows were made with."""
        found: dict[str, list[str]] = {}
        for one in self.contenders:
            for made in sorted(
                {row.made_with for (name, _), row in self.results.figures.items() if name == one.name}
            ):
                found.setdefault(made, []).append(one.title)
        return "\n".join(f"- {made}: {'; '.join(titles)}" for made, titles in found.items())


def _gain(after: Sequence[float], before: Sequence[float]) -> str:
    """The mean, and what it is above that of before."""
    mean = sum(after) / len(after)
    return f"{mean:.3f} ({mean - sum(before) / len(before):+.3f})"


def number(value: float, form: str = ".3f") -> str:
    """A number, or nothing where there is none."""
    return format(value, form) if math.isfinite(value) else _UNKNOWN


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else ""
    if isinstance(value, dict):
        return "; ".join(f"{name} {number:.3f}" for name, number in value.items())
    return value
