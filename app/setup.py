# SPDX-License-Identifier: MIT
"""The compiled rooms: every .pyx below src/ becomes an extension module."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "src"

# What a module links with beyond libc.
LIBRARIES = {"stratum1.ntp.auth": ["crypto"], "stratum1.sealing": ["crypto"]}


def extensions() -> list[Extension]:
    found = []
    for pyx in sorted(SOURCE.rglob("*.pyx")):
        name = ".".join(pyx.relative_to(SOURCE).with_suffix("").parts)
        found.append(
            Extension(
                name,
                [str(pyx.relative_to(HERE))],
                libraries=LIBRARIES.get(name, []),
                extra_compile_args=["-O2", "-g0", "-Wall", "-Wno-unused-function"],
                define_macros=[("_GNU_SOURCE", None)],
            )
        )
    return found


DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "embedsignature": True,
    "initializedcheck": False,
}


def compiled() -> list[Extension]:
    """The extensions with their C sources made, for whatever compiler comes next."""
    return cythonize(
        extensions(),
        include_path=[str(SOURCE)],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython" if "sdist" not in sys.argv else None,
        nthreads=int(os.environ.get("STRATUM1_BUILD_JOBS", "0")),
    )


if __name__ == "__main__":
    setup(ext_modules=compiled())
