"""A head for one protein by one call: trained on corrected micrographs, and kept in a library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_hydrapicker.errors import ParameterError, check_positive
from napari_hydrapicker.hydra.device import choose_device
from napari_hydrapicker.hydra.head_record import HeadRecord, check_head_name, free_name
from napari_hydrapicker.hydra.weights import load
from napari_hydrapicker.io.micrograph import Micrograph, MicrographLike, as_micrograph
from napari_hydrapicker.picking.library import (
    HeadLibrary,
    bundled_path,
    changing,
    check_not_own,
    check_room,
    user_library,
)
from napari_hydrapicker.picks import Picks
from napari_hydrapicker.training import finetune as training
from napari_hydrapicker.training.annotated_micrograph import AnnotatedMicrograph
from napari_hydrapicker.training.data_sets import check_inside
from napari_hydrapicker.training.few_shot import FewShotParameters, FewShotProgress, FewShotResult
from napari_hydrapicker.wording import counted


@dataclass(frozen=True, eq=False)
class KeptHead:
    """A head that was trained and is kept in a file.

    Attributes
    ----------
    name : str
        To be given to `pick` and `load_network` as `head`, if it is in your library.
    path : Path
        Its file, which can be given in place of the name.
    record : HeadRecord
        What the file says of the head: diameter, micrographs, calibration, threshold.
    result : FewShotResult
        How the training went, and the scores of the head that it started from and of its own.
    """

    name: str
    path: Path
    record: HeadRecord
    result: FewShotResult

    @property
    def ap_before(self) -> float:
        """Average precision of the generic head on the held-out micrographs."""
        return self.result.before.ap

    @property
    def ap_after(self) -> float:
        """Average precision of this head on the held-out micrographs."""
        return self.result.after.ap

    @property
    def better(self) -> bool | None:
        """Whether it beats the generic head by more than chance; None where the corrections do not tell."""
        return self.result.better

    def __repr__(self) -> str:
        on = "held-out corrections" if self.result.held_out else "what it was trained on"
        return f"<head {self.name!r}: AP {self.ap_before:.3f} -> {self.ap_after:.3f} on {on}>"


def finetune(
    corrected: Sequence[tuple[MicrographLike, Picks]],
    diameter_angstrom: float,
    name: str,
    *,
    rejected: Sequence[Picks | None] | None = None,
    complete: bool = True,
    pixel_size_angstrom: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    library: str | os.PathLike[str] | None = None,
    frozen_body: bool = False,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    report: Callable[[FewShotProgress], None] | None = None,
) -> KeptHead:
    """Train a head that knows one protein, on a few corrected micrographs, and keep it.

    It takes minutes on a laptop. With two or more micrographs one in five, at least one, is held out: it
    decides when to stop, and its average precision says whether the new head is better.

    Parameters
    ----------
    corrected : sequence of (micrograph, Picks)
        Micrographs, as `pick` takes them, each with its particles. One is enough to begin with, more than
        five are rarely needed.
    diameter_angstrom : float
        The particle's longest diameter.
    name : str
        Of the new head: letters, digits, '-' and '_'.
    rejected : sequence of Picks or None, optional
        For each micrograph what is no particle, such as deleted picks.
    complete : bool
        Whether every particle is among the picks, so that all else is background. If not, only the picks and
        what is `rejected` count.
    pixel_size_angstrom : float, optional
        Angstrom per pixel: takes precedence over what the micrographs state.
    weights : path, optional
        File of the network to train on, by default the bundled one.
    library : path, optional
        Folder to keep the head in, by default your library.
    frozen_body : bool
        Train the head alone, as in the thesis. Otherwise a copy of the network's body is trained with it and
        kept in its file: that gains more, and takes longer.
    steps : int, optional
        Most optimisation steps.
    seed : int
        Of everything random.
    device : str
        "auto", "cpu", "cuda" or "mps".
    overwrite : bool
        Replace a head of this name.
    report : callable, optional
        Is given the progress, several times a second.

    Returns
    -------
    KeptHead
        Its `name` is given to `pick` as `head`.

    Raises
    ------
    ParameterError
        If a parameter is missing or out of its range, the name is taken, no particle is given, or particles
        lie outside their micrograph.
    MicrographError
        If a micrograph cannot be read.
    WeightsError
        If the network cannot be read, or the library not written.
    OutOfMemoryError
        If the work does not fit into memory.

    Examples
    --------
    >>> head = finetune(
    ...     [("a.mrc", picks_a), ("b.mrc", picks_b)], diameter_angstrom=180, name="my-protein"
    ... )  # doctest: +SKIP
    >>> picks = pick("c.mrc", diameter_angstrom=180, head=head.name)  # doctest: +SKIP
    """
    check_positive(diameter_angstrom=diameter_angstrom, steps=steps)
    if seed < 0:
        raise ParameterError(f"`seed`: {seed} is less than 0")
    check_head_name(name)
    network = bundled_path() if weights is None else Path(weights)
    check_not_own(name, network)
    examples = _examples(corrected, rejected, complete, pixel_size_angstrom)
    parameters = FewShotParameters(seed=seed, adapt_body=False if frozen_body else None)
    if steps is not None:
        parameters = replace(parameters, steps=int(steps))
    target = choose_device(device)
    kept = user_library() if library is None else HeadLibrary(Path(library))
    if not overwrite and name in kept.names():
        raise ParameterError(
            f"`name`: there is a head called {name!r} already; choose another, or overwrite it"
        )
    check_writable(kept)
    model, metadata = load(network, [])
    result, record = training.finetune(
        model.to(target),
        metadata,
        examples,
        diameter_angstrom,
        name,
        parameters,
        report=report or (lambda progress: None),
    )
    path = keep(kept, result, record, overwrite)
    return KeptHead(path.stem, path, record.model_copy(update={"name": path.stem}), result)


def check_writable(library: HeadLibrary) -> None:
    """Refuse a library that takes no files, and a disk without room for a head, before a training is spent.

    Raises
    ------
    WeightsError
        If it is so.
    """
    with changing(library.folder):
        check_room([library.folder])


def keep(library: HeadLibrary, result: FewShotResult, record: HeadRecord, overwrite: bool = False) -> Path:
    """Save a head; if its name was given to another one meanwhile, with a number behind it.

    Returns
    -------
    Path
        Its file, which is named like the head.

    Raises
    ------
    WeightsError
        If the library cannot be written.
    """
    name = record.name if overwrite else free_name(record.name, library.names())
    return library.add(result.head, record.model_copy(update={"name": name}), overwrite)


def _examples(
    corrected: Sequence[tuple[MicrographLike, Picks]],
    rejected: Sequence[Picks | None] | None,
    complete: bool,
    pixel_size_angstrom: float | None,
) -> list[AnnotatedMicrograph]:
    if not corrected:
        raise ParameterError("`corrected`: there are no micrographs to train on")
    if rejected is not None and len(rejected) != len(corrected):
        raise ParameterError(
            f"`rejected`: {len(rejected)} for {counted(len(corrected), 'micrograph')}; give None for some"
        )
    opened = [_opened(pair, pixel_size_angstrom) for pair in corrected]
    names = [one.name for one, _ in opened]
    if twice := next((name for name in names if names.count(name) > 1), None):
        # One of them might be trained on and the other held out, with the same picks.
        raise ParameterError(
            f"`corrected`: two micrographs are called {twice}; leave one out, or name arrays by "
            "Micrograph.from_array"
        )
    nothing = Picks(np.empty((0, 2)))
    examples = []
    for (micrograph, picks), wrong in zip(opened, rejected or [None] * len(opened), strict=True):
        wrong = nothing if wrong is None else wrong
        for labels in (picks, wrong):
            check_inside(labels, micrograph, Path(micrograph.name))
        examples.append(AnnotatedMicrograph(micrograph, picks.yx, wrong.yx, complete))
    return examples


def _opened(
    pair: tuple[MicrographLike, Picks], pixel_size_angstrom: float | None
) -> tuple[Micrograph, Picks]:
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], Picks)):
        raise ParameterError("`corrected`: give pairs of a micrograph and its Picks")
    micrograph = as_micrograph(pair[0], pixel_size_angstrom)
    if micrograph.pixel_size_angstrom is None:
        raise ParameterError(
            f"`pixel_size_angstrom`: {micrograph.path} does not state it; give it in Angstrom"
        )
    return micrograph, pair[1]
