"""From files' names to micrographs' names, by which picks and micrographs find each other."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

IMAGE_ENDING = re.compile(r"(\.(mrcs?|map|st|tiff?|png|jpe?g|eer|rec|gz|bz2|xz))+$", re.IGNORECASE)


def micrograph_stem(name: str) -> str:
    """Return a micrograph's name without folders and image extensions; "" if nothing is left.

    Both kinds of slashes count, and RELION's ``000001@`` before a stack's name is dropped. All extensions
    go (``a.tiff.mrc``, ``a.mrc.gz``), so that the name of a name is the name itself.
    """
    base = PurePosixPath(name.replace("\\", "/")).name
    base = re.sub(r"^\d+@", "", base)
    return IMAGE_ENDING.sub("", base)
