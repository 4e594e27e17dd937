"""A part of the micrographs, picked by a run that shares nothing with the others but the folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from napari_hydrapicker.errors import ParameterError

_SHARD = re.compile(r"picking\.shard-(\d+)-of-(\d+)\.jsonl")
_T = TypeVar("_T")


@dataclass(frozen=True, order=True)
class Shard:
    """One of `count` parts of the micrographs, the `index`-th from 1 on."""

    count: int
    index: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``index/count``.

        Raises
        ------
        ParameterError
            If it is not two such numbers.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ParameterError(f"`shard` {text}: give the part's number, from 1, and how many: 3/8, say")
        return cls(int(found[2]), int(found[1]))

    def of(self, things: Sequence[_T]) -> list[_T]:
        """Return this part of a list; the parts have no thing in common and are about equally long."""
        return list(things[self.index - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def manifest_name(self) -> str:
        """The name of its manifest."""
        return f"picking.shard-{self.index}-of-{self.count}.jsonl"

    @property
    def lock_name(self) -> str:
        """The name of its lock."""
        return f".lock.shard-{self.index}-of-{self.count}"


def shard_journals(folder: Path) -> list[Shard]:
    """Return the shards that have a manifest in a folder, in order."""
    found = (_SHARD.fullmatch(name) for name in os.listdir(folder))
    return sorted(Shard(int(one[2]), int(one[1])) for one in found if one)
