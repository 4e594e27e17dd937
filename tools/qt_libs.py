"""Make sure that a bare Linux server has what Qt and napari need to open a window in the tests.

Installs what is missing where that is possible (Debian or Ubuntu, as root), and otherwise names the
command that does. Always exits with 0: the tests that open no window run without these libraries.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys

# Shared library -> the Debian package that brings it.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
# libGL finds its software renderer by itself, so that cannot be looked for by a library's name.
ALONG_WITH_GL = "libgl1-mesa-dri"


def is_loadable(library: str) -> bool:
    """Tell whether the dynamic linker finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages() -> list[str]:
    """List the Debian packages that this machine lacks, sorted."""
    missing = {package for library, package in LIBRARIES.items() if not is_loadable(library)}
    if shutil.which("Xvfb") is None:
        missing.add("xvfb")
    if missing & {"libgl1", "libegl1", "xvfb"}:
        missing.add(ALONG_WITH_GL)
    return sorted(missing)


def install(packages: list[str]) -> bool:
    """Install Debian packages; tell whether that worked."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        print(shlex.join(command), flush=True)
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, timeout=600)
        if done.returncode != 0:
            return False
    return True


def main() -> None:
    """Install or name what is missing."""
    if not sys.platform.startswith("linux"):
        return
    packages = missing_packages()
    if not packages:
        return
    can_install = shutil.which("apt-get") is not None and os.geteuid() == 0
    if can_install and install(packages):
        return
    sudo = "" if os.geteuid() == 0 else "sudo "
    print("Tests that open a window need libraries that this machine lacks. On Debian and Ubuntu:")
    print(f"    {sudo}apt-get update && {sudo}apt-get install -y {' '.join(packages)}", flush=True)


if __name__ == "__main__":
    main()
