"""Putting together what shards have picked, each by itself, into one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_hydrapicker.errors import CoordinateFileError, ParameterError
from napari_hydrapicker.io.files import write_files
from napari_hydrapicker.picking.manifest import Manifest
from napari_hydrapicker.picking.shard import Shard, shard_journals
from napari_hydrapicker.picking.tables import write_tables


@dataclass(frozen=True)
class Merged:
    """What is in a folder after a merge.

    Attributes
    ----------
    n_picks, n_micrographs, n_failed
        Picks on how many micrographs; how many others could not be picked.
    unfinished
        Shards whose run has not come to its end, or has not begun.
    """

    n_picks: int
    n_micrographs: int
    n_failed: int
    unfinished: tuple[Shard, ...]


def merge(folder: Path) -> Merged:
    """Put the results of a folder's shards into its manifest, and write the tables of all micrographs.

    The shards' manifests are deleted once all of them are done. Until then the merge can be repeated, and
    the shards go on.

    Raises
    ------
    CoordinateFileError
        If there are no shards, or a file cannot be read or written.
    ParameterError
        If they were picked with different options.
    """
    if not folder.is_dir():
        raise CoordinateFileError(f"{folder}: no such folder")
    whole = Manifest(folder)
    with whole.locked():
        shards = shard_journals(folder)
        if not shards and not whole.exists:
            raise CoordinateFileError(f"{folder}: holds no results of `hydrapicker pick`")
        manifests = {shard: Manifest(folder, shard) for shard in shards}
        for manifest in manifests.values():
            manifest.refresh()
        _check_options([whole, *manifests.values()])
        try:
            for manifest in manifests.values():
                whole.absorb(manifest)
        except OSError as error:
            raise CoordinateFileError(
                f"cannot be written ({error.strerror or error}): {whole.path}"
            ) from error
        write_tables(whole, lambda files: write_files(dict(files), overwrite=True))
        unfinished = _unfinished(manifests)
        if not unfinished:
            for shard in shards:
                for name in (shard.manifest_name, shard.lock_name):
                    (folder / name).unlink(missing_ok=True)
        results = whole.picked.values()
        return Merged(sum(one.n_picks for one in results), len(results), len(whole.failed), tuple(unfinished))


def _check_options(manifests: list[Manifest]) -> None:
    """Refuse to make one folder of results of two kinds, unless a run was told to replace the others."""
    known = [one for one in manifests if one.configs and not one.overwriting]
    for one in known[1:]:
        first, second = (next(reversed(each.configs.values())) for each in (known[0], one))
        if differing := first.differences(second):
            raise ParameterError(
                f"the shards were picked with different options: {'; '.join(differing)} "
                f"({known[0].path.name}, {one.path.name}): pick one of them anew with `overwrite`"
            )


def _unfinished(manifests: dict[Shard, Manifest]) -> list[Shard]:
    """Return the shards that are not done; none if all of some number are, which is the whole."""
    missing: list[Shard] = []
    for count in sorted({shard.count for shard in manifests}):
        parts = [Shard(count, index) for index in range(1, count + 1)]
        left = [one for one in parts if one not in manifests or not manifests[one].finished]
        if not left:
            return []
        missing += left
    return missing
