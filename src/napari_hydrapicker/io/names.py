"""Micrographs' names: how one is made of a file's name, and the one rule by which two sides find each other.

Picks and micrographs come from different programs, and each adds something to a name: cryoSPARC a number in
front and ``_patch_aligned_doseweighted`` behind, MotionCor ``_DW``, pickers their own name. So names are
matched in two steps: as they are, and then without what programs are known to add. The same file name in two
folders is two micrographs: the folders decide, as far as both sides have them, and what they leave open is
ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from napari_hydrapicker.errors import ParameterError
from napari_hydrapicker.wording import shortened

IMAGE_ENDING = re.compile(r"(\.(mrcs?|map|st|tiff?|png|jpe?g|eer|rec|gz|bz2|xz))+$", re.IGNORECASE)

# cryoSPARC: a unique number before a file's name, and a mark before the paths of exported groups.
_PREFIX = re.compile(r"^\d{18,21}_")
_MARKS = re.compile(r"^(>|\d+@)+")
_OF_PICKS = ("autopick", "manualpick", "topazpicks?", "automatch", "picks?", "particles?", "coords?", "boxes")
_OF_PICKERS = (
    *("cryolo", "topaz", "hydrapicker", "cgan", "consensus", "gautomatch", "warp", r"boxnet\w*", "cassper"),
    *("cryosegnet", "cryotransformer", "relion", "cryosparc", "eman2?", "cistem", "manual"),
)
_OF_PROCESSING = (
    *("dw", "nodw", "dws", "doseweighted", "non_?dose_?weighted", "(patch|rigid|full)_aligned", "aligned"),
    *(
        "fractions",
        "frames",
        "movies?",
        "sum",
        "sumcorr",
        "(motion_?)?corrected",
        "motioncorr",
        "mc2?",
        "eer",
    ),
    *("denoised", "ctf"),
)
_SUFFIX = re.compile(rf"[_.-]({'|'.join((*_OF_PICKS, *_OF_PICKERS, *_OF_PROCESSING))})$", re.IGNORECASE)
_LAST_FOLDERS = 6

L = TypeVar("L", bound=Hashable)
R = TypeVar("R", bound=Hashable)


def micrograph_path(name: str) -> str:
    """Return a micrograph's name with its folders, slashes forwards, without marks and image extensions."""
    *folders, base = _MARKS.sub("", name.replace("\\", "/")).rstrip("/").split("/")
    stem = IMAGE_ENDING.sub("", _MARKS.sub("", base))
    return "/".join([*(folder for folder in folders if folder not in ("", ".", "..")), stem])


def micrograph_stem(name: str) -> str:
    """Return a micrograph's name without folders and image extensions; "" if nothing is left.

    Both kinds of slashes count, and RELION's ``000001@`` before a stack's name and cryoSPARC's ``>`` are
    dropped. All extensions go (``a.tiff.mrc``, ``a.mrc.gz``), so that the name of a name is the name itself.
    """
    return micrograph_path(name).rpartition("/")[2]


def without_prefix(stem: str) -> str:
    """Return a name without the unique number that cryoSPARC puts in front."""
    return _PREFIX.sub("", stem)


def bare_name(stem: str) -> str:
    """Return a name without anything that programs are known to put before or behind it."""
    # macOS takes letters with marks apart: ä is a and two dots there.
    bare = without_prefix(unicodedata.normalize("NFC", stem))
    while (shorter := _SUFFIX.sub("", bare)) != bare and shorter:
        bare = shorter
    return bare


def distinct_names(paths: Sequence[str]) -> list[str]:
    """Return each path's file name, preceded by as many of its folders as tell it from the other paths.

    Parameters
    ----------
    paths : sequence of str
        As of `micrograph_path`; equal ones stay equal.
    """
    parts = {path: path.split("/") for path in dict.fromkeys(paths)}
    length = dict.fromkeys(parts, 1)
    open_paths = list(parts)
    while open_paths:
        same: defaultdict[str, list[str]] = defaultdict(list)
        for path in open_paths:
            same["/".join(parts[path][-length[path] :])].append(path)
        open_paths = [path for group in same.values() if len(group) > 1 for path in group]
        open_paths = [path for path in open_paths if length[path] < len(parts[path])]
        for path in open_paths:
            length[path] += 1
    return ["/".join(part for part in parts[path][-length[path] :] if part) for path in paths]


@dataclass(frozen=True)
class Match(Generic[L, R]):
    """What of two sides belongs together.

    Attributes
    ----------
    pairs : list of (left, right)
        In the order of the left side.
    left_only, right_only : list
        What has no partner.
    ambiguous : list of (list of left, list of right)
        Of which several could belong together.
    exact : set of left
        Those that were matched by their whole name.
    labels : (dict of left to str, dict of right to str)
        What they are called in words: with as many folders as tell those of one side apart.
    """

    pairs: list[tuple[L, R]] = field(default_factory=list)
    left_only: list[L] = field(default_factory=list)
    right_only: list[R] = field(default_factory=list)
    ambiguous: list[tuple[list[L], list[R]]] = field(default_factory=list)
    exact: set[L] = field(default_factory=set)
    labels: tuple[dict[L, str], dict[R, str]] = field(default_factory=lambda: ({}, {}))

    def check_unambiguous(self, left: str, right: str) -> None:
        """Refuse what cannot be told apart.

        Parameters
        ----------
        left, right : str
            What the sides are, in the plural: "picks", "micrographs".

        Raises
        ------
        ParameterError
            Names the first of them.
        """
        if self.ambiguous:
            raise ParameterError(self.unclear(left, right))

    def unclear(self, left: str, right: str) -> str:
        """Say what cannot be told apart, and what to do; "" where everything can."""
        if not self.ambiguous:
            return ""
        ours, theirs = self.ambiguous[0]
        more = f"; {len(self.ambiguous) - 1} more like this" if len(self.ambiguous) > 1 else ""
        return (
            f"it cannot be told which {left} ({_listed(self.labels[0][one] for one in ours)}) belong to "
            f"which {right} ({_listed(self.labels[1][one] for one in theirs)}){more}: leave out what is not "
            "meant, or put them into folders of the same names"
        )

    def lines(self, left: str, right: str) -> list[str]:
        """Return one line for each pair, and one for each that has no partner, as ``--match`` shows them."""
        ours, theirs = self.labels
        lines = [
            f"{ours[a]}  =  {theirs[b]}{'' if a in self.exact else '  (without prefixes and suffixes)'}"
            for a, b in self.pairs
        ]
        lines += [f"{ours[a]}  has no {right}" for a in self.left_only]
        return lines + [f"{theirs[b]}  has no {left}" for b in self.right_only]

    def skipped(self, left: str, right: str, both: bool = True) -> list[str]:
        """Return a line that lists what has no partner for each side, or for the left one."""
        ours, theirs = self.labels
        sides = [(right, [ours[one] for one in self.left_only])]
        if both:
            sides.append((left, [theirs[one] for one in self.right_only]))
        return [f"no {what} for {_listed(alone)}: skipped" for what, alone in sides if alone]


def match_names(left: Mapping[L, str], right: Mapping[R, str]) -> Match[L, R]:
    """Match two sides by name: exactly, then without known prefixes and suffixes.

    Parameters
    ----------
    left, right : mapping of anything to str
        Names, with or without folders and image extensions.

    Returns
    -------
    Match
        Every left and every right one is in one of its lists; pairs are one to one.
    """
    names = (
        {key: micrograph_path(name) for key, name in left.items()},
        {key: micrograph_path(name) for key, name in right.items()},
    )
    match: Match[L, R] = Match(labels=(_labels(names[0]), _labels(names[1])))
    open_left, open_right = list(left), list(right)
    partner: dict[L, R] = {}
    for shorten in (str, bare_name):
        ours = _grouped(open_left, names[0], shorten)
        theirs = _grouped(open_right, names[1], shorten)
        for stem in ours:
            if stem not in theirs:
                continue
            found, unclear = _resolve(ours[stem], theirs[stem], names)
            partner |= found
            if shorten is str:
                match.exact.update(found)
            if unclear is not None:
                match.ambiguous.append(unclear)
        taken = {a for several, _ in match.ambiguous for a in several} | partner.keys()
        given = {b for _, several in match.ambiguous for b in several} | set(partner.values())
        open_left = [one for one in open_left if one not in taken]
        open_right = [one for one in open_right if one not in given]
    match.pairs.extend((one, partner[one]) for one in left if one in partner)
    match.left_only.extend(open_left)
    match.right_only.extend(open_right)
    return match


class NameFinder(Generic[L]):
    """Finds one of many by its name, by the rule of `match_names`; for when one side comes one by one.

    Parameters
    ----------
    names : mapping of anything to str
        Names, with or without folders and image extensions.
    """

    def __init__(self, names: Mapping[L, str]) -> None:
        self._names = {key: micrograph_path(name) for key, name in names.items()}
        self._groups = [_grouped(self._names, self._names, shorten) for shorten in (str, bare_name)]

    def candidates(self, name: str) -> list[L]:
        """Return what a name can mean: nothing, one, or several that cannot be told apart."""
        path = micrograph_path(name)
        stem = path.rpartition("/")[2]
        for group, wanted in zip(self._groups, (stem, bare_name(stem)), strict=True):
            found = group.get(wanted, [])
            if len(found) > 1:
                folders = path.split("/")[:-1]
                found = _best((key, _agreement(folders, self._names[key].split("/")[:-1])) for key in found)
            if found:
                return found
        return []


def _labels(paths: Mapping[L, str]) -> dict[L, str]:
    return dict(zip(paths, distinct_names(list(paths.values())), strict=True))


def _grouped(keys: Iterable[L], names: Mapping[L, str], shorten: Callable[[str], str]) -> dict[str, list[L]]:
    groups: defaultdict[str, list[L]] = defaultdict(list)
    for key in keys:
        groups[shorten(names[key].rpartition("/")[2])].append(key)
    return groups


def _resolve(
    ours: list[L], theirs: list[R], names: tuple[dict[L, str], dict[R, str]]
) -> tuple[dict[L, R], tuple[list[L], list[R]] | None]:
    """Pair what shares one name by the folders; return the pairs, and what they leave open."""
    if len(ours) == len(theirs) == 1:
        return {ours[0]: theirs[0]}, None
    nearest = _by_last_folders(ours, theirs, names)
    ours = [a for a in ours if a not in nearest]
    taken = set(nearest.values())
    theirs = [b for b in theirs if b not in taken]
    if not ours or not theirs:
        return nearest, None
    agreement = {
        (a, b): _agreement(names[0][a].split("/")[:-1], names[1][b].split("/")[:-1])
        for a in ours
        for b in theirs
    }
    best_of_ours = {a: _best((b, agreement[a, b]) for b in theirs) for a in ours}
    best_of_theirs = {b: _best((a, agreement[a, b]) for a in ours) for b in theirs}
    # Folders must speak for a pair: that all others are taken does not.
    pairs = nearest | {
        a: b[0]
        for a, b in best_of_ours.items()
        if len(b) == 1 and best_of_theirs[b[0]] == [a] and agreement[a, b[0]]
    }
    taken = set(pairs.values())
    open_ours = [a for a in ours if a not in pairs and any(b not in taken for b in best_of_ours[a])]
    open_theirs = [b for b in theirs if b not in taken and any(a not in pairs for a in best_of_theirs[b])]
    return pairs, (open_ours, open_theirs) if open_ours and open_theirs else None


def _by_last_folders(
    ours: Iterable[L], theirs: Iterable[R], names: tuple[dict[L, str], dict[R, str]]
) -> dict[L, R]:
    """Pair those that alone share their last folders: most are, and thousands of one name cost little so."""
    pairs: dict[L, R] = {}
    open_ours, open_theirs = list(ours), list(theirs)
    for n in range(_LAST_FOLDERS, 1, -1):
        left, right = _last_parts(open_ours, names[0], n), _last_parts(open_theirs, names[1], n)
        found = {
            keys[0]: right[last][0]
            for last, keys in left.items()
            if len(keys) == 1 and len(right.get(last, [])) == 1
        }
        pairs |= found
        taken = set(found.values())
        open_ours = [one for one in open_ours if one not in found]
        open_theirs = [one for one in open_theirs if one not in taken]
    return pairs


def _last_parts(keys: Iterable[L], names: Mapping[L, str], n: int) -> dict[tuple[str, ...], list[L]]:
    """Group names that have `n` folders or more by the last of them."""
    groups: defaultdict[tuple[str, ...], list[L]] = defaultdict(list)
    for key in keys:
        folders = names[key].split("/")[:-1]
        if len(folders) >= n - 1:
            groups[tuple(folders[len(folders) - n + 1 :])].append(key)
    return groups


def _best(candidates: Iterable[tuple[L, int]]) -> list[L]:
    scored = list(candidates)
    highest = max(score for _, score in scored)
    return [one for one, score in scored if score == highest]


def _agreement(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Length of the longest sequence of folders that both paths have in this order."""
    lengths = [0] * (len(theirs) + 1)
    for folder in ours:
        previous = 0
        for i, other in enumerate(theirs, 1):
            longest = previous + 1 if folder == other else max(lengths[i], lengths[i - 1])
            previous, lengths[i] = lengths[i], longest
    return lengths[-1]


def _listed(names: Iterable[str]) -> str:
    return shortened(dict.fromkeys(names))
