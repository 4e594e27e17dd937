"""The report's pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.contenders import Contender
from benchmarks.results import Figures, Results
from benchmarks.sets import STATED_LABEL, SWEEPS

_DPI = 110
_COLOURS = {
    "hydra": "#1b6ca8", "hydra-best": "#56b4e9", "head-3": "#0a3d62", "before": "#8e44ad", "cgan": "#117a65",
    "topaz-u64": "#c0392b", "topaz-u32": "#e67e22", "log": "#7f8c8d", "apple": "#4d4d4d",
    "published-cryolo": "#d4ac0d", "published-topaz": "#e84393",
}  # fmt: skip
_SHORT = {
    "empiar10017": "EMPIAR-10017", "empiar10028": "EMPIAR-10028", "published": "10017, with published picks",
    "molecules": "eight molecules", "wide": "eight molecules, wide", "targets": "seven molecules",
}  # fmt: skip
Known = Callable[[Contender, str], Figures | None]
"""Gives the figures of a contender on a group."""
_FEWEST = 5  # picks from which on a share is drawn


def style(contender: Contender) -> dict[str, Any]:
    """Colour and line: ours are drawn through, others are dashed."""
    return {
        "color": _COLOURS.get(contender.name, "#000000"), "linestyle": "-" if contender.is_ours else "--",
        "label": contender.title.replace("`", ""), "linewidth": 2.2 if contender.name == "hydra" else 1.4,
    }  # fmt: skip


def _figure(count: int, columns: int, height: float = 3.1) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(3.3 * columns, height * rows + 0.55), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    for one in axes:
        one.grid(alpha=0.3)
    return figure, axes


def _finish(figure: Figure, axes: Sequence[Axes], path: Path) -> None:
    found = {
        label: line for one in axes for line, label in zip(*one.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=4, fontsize="small", frameon=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def precision_recall(
    path: Path, known: Known, contenders: Sequence[Contender], groups: Sequence[str]
) -> None:
    """Draw the curves of each group."""
    figure, axes = _figure(len(groups), 3)
    for one, group in zip(axes, groups, strict=True):
        one.set(
            xlim=(0, 1), ylim=(0, 1.02), title=_SHORT.get(group, group), xlabel="recall", ylabel="precision"
        )
        for contender in contenders:
            found = known(contender, group)
            if found and len(found.curve) == 1:
                look = {name: style(contender)[name] for name in ("color", "label")}
                one.plot(*found.curve[0], marker="o", linestyle="none", **look)
            elif found and found.curve:
                recall, precision = np.array(found.curve).T
                one.plot([0, *recall], [precision[0], *precision], **style(contender))
    _finish(figure, axes, path)


def calibration(path: Path, known: Known, contenders: Sequence[Contender], groups: Sequence[str]) -> None:
    """Draw how many of the picks of a score are right in each group; points grow with the number of picks."""
    figure, axes = _figure(len(groups), 3)
    for one, group in zip(axes, groups, strict=True):
        one.set(
            xlim=(0, 1),
            ylim=(0, 1),
            title=_SHORT.get(group, group),
            xlabel="score",
            ylabel="share that is right",
        )
        one.plot([0, 1], [0, 1], color="black", linewidth=0.8)
        for contender in contenders:
            found = known(contender, group)
            if found and sum(count >= _FEWEST for _, _, count in found.calibration) > 1:
                score, right, count = np.array([row for row in found.calibration if row[2] >= _FEWEST]).T
                one.plot(score, right, **style(contender))
                sizes = 60 * np.sqrt(count / count.max())
                one.scatter(score, right, s=sizes, color=style(contender)["color"], alpha=0.5)
    _finish(figure, axes, path)


def sweeps(path: Path, results: Results, contenders: Sequence[Contender]) -> None:
    """Draw AP against what changes."""
    names = [*SWEEPS, "stated"]
    figure, axes = _figure(len(names), 3)
    labels = {name: label for name, (label, _) in SWEEPS.items()} | {"stated": STATED_LABEL}
    for one, name in zip(axes, names, strict=True):
        for contender in contenders:
            found = swept(results, contender.name, name)
            if not found:
                continue
            values = list(found)
            places: Sequence[float] = range(len(values))
            if name == "snr":
                places = [row.note["snr"] for row in found.values()]
                one.set_xscale("log")
            elif _are_numbers(values):
                places = [float(value) for value in values]
            else:
                one.set_xticks(places, values, rotation=20, fontsize="small")
            one.plot(places, [row.ap for row in found.values()], marker="o", markersize=3, **style(contender))
        one.set(ylim=(0, 1), ylabel="AP", xlabel="signal-to-noise ratio" if name == "snr" else labels[name])
    _finish(figure, axes, path)


def swept(results: Results, contender: str, parameter: str) -> dict[str, Figures]:
    """Figures of a contender by the value of a parameter, in order."""
    found = {
        group.split("@")[1]: row for (name, group), row in results.figures.items()
        if name == contender and group.split("@")[0] == parameter
    }  # fmt: skip
    if parameter in SWEEPS:
        return {str(value): found[str(value)] for value, _ in SWEEPS[parameter][1] if str(value) in found}
    return {value: found[value] for value in sorted(found, key=float)}


def _are_numbers(values: Sequence[str]) -> bool:
    return all(value.replace(".", "", 1).isdigit() for value in values)
