# SPDX-License-Identifier: MIT
"""What the guest gets beside Debian's packages: the application and a few libraries, compiled for it here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from debian import UnreachableError

PROJECT = Path(__file__).resolve().parents[3]
DIST_PACKAGES = "usr/lib/python3/dist-packages"
SUFFIX = ".cpython-313-aarch64-linux-gnu.so"
WHEELS = ("gpsd-py3", "luma.core", "luma.oled", "qrcodegen", "rpi-lgpio", "smbus2", "tomli-w")
LGPIO = "lgpio==0.2.2.0"
"""The library below rpi-lgpio, in the version of the image."""

# Never imported by the appliance; as source they do no harm.
NOT_COMPILED = (
    r"/(asyncio|concurrent|curses|dbm|distutils|ensurepip|idlelib|multiprocessing|pydoc_data|sqlite3|test|tkinter|"
    r"unittest|venv|wsgiref|xml|_pyrepl|lib2to3|turtledemo|pathlib|cli|testing|async)/"
    r"|_sysconfigdata|ImagePlugin|encodings/(?!__init__|aliases|ascii|cp437|idna|latin_1|utf_8)|pickletools|pydoc|turtle|doctest|tarfile|_pydecimal|_pydatetime|_pyio|imaplib"
)


def hash_of(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.name).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:20]


def compile_bytecode(root: Path, *folders: str) -> None:
    """Compile python modules below `root` by the guest's own interpreter, emulated; each folder in its own process."""
    command = ["qemu-aarch64-static", "-L", str(root), str(root / "usr/bin/python3.13"), "-m", "compileall", "-q"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(root), "-x", NOT_COMPILED]
    environ = {**os.environ, "PYTHONHOME": str(root / "usr")}
    at_work = [subprocess.Popen([*command, str(root / folder)], env=environ) for folder in folders]
    failed = [folder for folder, process in zip(folders, at_work, strict=True) if process.wait() != 0]
    if failed:
        raise SystemExit(f"the guest's python could not compile what lies below {' and '.join(failed)}")


def compile_module(name: str, sources: list[Path], flags: list[str], sysroot: Path, build: Path, output: Path) -> None:
    """One extension module for the guest; kept by what it was made from."""
    cache = build / "compiled" / hash_of(sources)
    if not cache.exists():
        print(f"guest: compiling {name} for arm64", flush=True)
        cache.parent.mkdir(parents=True, exist_ok=True)
        headers = ("python3.13", "aarch64-linux-gnu/python3.13", "", "aarch64-linux-gnu")
        command = ["aarch64-linux-gnu-gcc", "-O2", "-fwrapv", "-fPIC", "-shared", "-DNDEBUG", "-D_GNU_SOURCE", "-w"]
        command += [f"-I{sysroot}/usr/include/{folder}" for folder in headers]
        new = cache.with_suffix(".new")
        command += [*map(str, sources), "-o", str(new), f"-L{sysroot}/usr/lib/aarch64-linux-gnu", *flags]
        subprocess.run(command, check=True)
        new.rename(cache)
    shutil.copy(cache, output)


def load_setup() -> Any:
    """app/setup.py as a module: the one list of extensions, libraries and compiler directives."""
    spec = importlib.util.spec_from_file_location("stratum1_setup", PROJECT / "app/setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install_application(sysroot: Path, root: Path, build: Path) -> None:
    """The stratum1 package with its extensions compiled for the guest."""
    target = root / DIST_PACKAGES / "stratum1"
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "*.pyx", "*.c", "__pycache__", "*.pxd")
    shutil.copytree(PROJECT / "app/src/stratum1", target, ignore=ignored)
    here = Path.cwd()
    os.chdir(PROJECT / "app")
    try:
        extensions = load_setup().compiled()
    finally:
        os.chdir(here)
    for extension in extensions:
        output = target.parent / (extension.name.replace(".", "/") + SUFFIX)
        sources = [PROJECT / "app" / source for source in extension.sources]
        libraries = [f"-l{library}" for library in extension.libraries]
        compile_module(extension.name, sources, libraries, sysroot, build, output)
    compile_bytecode(root, f"{DIST_PACKAGES}/stratum1")


def pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise UnreachableError(f"pip {words[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")


def install_wheels(root: Path, build: Path) -> None:
    """The pure Python packages that Debian does not have."""
    wheels = build / "wheels"
    mark = wheels / "done"
    if not mark.exists() or mark.read_text() != " ".join(WHEELS):
        print("guest: fetching python packages", flush=True)
        pip("wheel", "-q", "--no-deps", "-w", str(wheels), *WHEELS)
        mark.write_text(" ".join(WHEELS))
    for wheel in wheels.glob("*.whl"):
        shutil.unpack_archive(wheel, root / DIST_PACKAGES, "zip")
    compile_bytecode(root, *(f"{DIST_PACKAGES}/{name}" for name in ("luma", "RPi", "gpsd", "smbus2")))


def install_gpio(sysroot: Path, root: Path, build: Path) -> None:
    """lgpio, which reads the panel's buttons: its C sources in one module, as in the image."""
    folder = build / "lgpio"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        pip("download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder), LGPIO)
        with tarfile.open(next(folder.glob("lgpio-*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        source = next(path for path in folder.iterdir() if path.is_dir())
        subprocess.run(["swig", "-python", "-Isrc", "lgpio.i"], cwd=source, check=True)
        (folder / "done").touch()
    source = next(path for path in folder.iterdir() if path.is_dir())
    sources = sorted([*source.glob("src/lg*.c"), source / "src/rgpiod.c", source / "lgpio_wrap.c"])
    flags = [f"-I{source}/src", "-pthread"]
    target = root / DIST_PACKAGES
    compile_module("lgpio", sources, flags, sysroot, build, target / f"_lgpio{SUFFIX}")
    shutil.copy(source / "lgpio.py", target)
