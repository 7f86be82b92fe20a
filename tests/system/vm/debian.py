# SPDX-License-Identifier: MIT
"""Debian packages for the guest: a private apt beside the machine's own.

The package sources are the machine's, with the release name exchanged and the architecture set to
arm64, so no mirror is named here; nothing of the machine's own apt state is touched.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

ARCHITECTURE = "arm64"
RELEASE = "trixie"
RELEASES = ("bullseye", "bookworm", "trixie")


def machine_sources(etc: Path = Path("/etc/apt")) -> str:
    """The machine's Debian sources in deb822 form, for the guest's release."""
    known = "|".join(RELEASES)
    stanzas: list[str] = []
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            if re.search(rf"^Suites:.*\b({known})\b", stanza, re.MULTILINE):
                lines = [line for line in stanza.splitlines() if not line.startswith(("#", "Architectures:"))]
                stanzas.append(re.sub(rf"\b({known})\b", RELEASE, "\n".join(lines)))
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = re.match(r"deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+(.+)", line)
            if entry and re.search(rf"\b({known})\b", entry[3]):
                signed = re.search(r"signed-by=(\S+)", entry[1] or "")
                suite = re.sub(rf"\b({known})\b", RELEASE, entry[3])
                stanza = f"Types: deb\nURIs: {entry[2]}\nSuites: {suite}\nComponents: {entry[4].split()[0]}"
                stanzas.append(stanza + (f"\nSigned-By: {signed[1]}" if signed else ""))
    if not stanzas:
        raise SystemExit(f"{etc}: no Debian package sources found; the guest is made on Debian or Raspberry Pi OS")
    return "\n\n".join(stanzas) + "\n"


class UnreachableError(Exception):
    """What the guest is made of cannot be had here; one line."""


class PrivateApt:
    """An apt whose lists, cache and (empty) package status lie below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archives = folder / "archives"
        for name in ("lists/partial", "archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "debian.sources").write_text(machine_sources(), encoding="utf-8")
        self._options = [
            f"Dir::State::lists={folder}/lists",
            f"Dir::State::status={folder}/status",
            f"Dir::State::extended_states={folder}/extended_states",
            f"Dir::Cache={folder}",
            f"Dir::Cache::archives={self.archives}",
            f"Dir::Etc::sourcelist={folder}/debian.sources",
            f"Dir::Etc::sourceparts={folder}/etc/none",
            f"Dir::Etc::preferencesparts={folder}/etc/preferences.d",
            f"APT::Architecture={ARCHITECTURE}",
            f"APT::Architectures::={ARCHITECTURE}",
            "APT::Install-Recommends=false",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
            "Acquire::http::Timeout=30",
            "Acquire::https::Timeout=30",
            "Dpkg::Use-Pty=0",
        ]

    def _run(self, program: str, *words: str) -> str:
        command = [program, *(part for option in self._options for part in ("-o", option)), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise UnreachableError(f"{program} {words[0]}: {said[-1]}")
        return done.stdout

    def fetch(self, names: Iterable[str]) -> list[Path]:
        """The packages and all that they depend on, as files; downloaded once.  UnreachableError."""
        if not any(self.folder.glob("lists/*_Packages*")):
            self._run("apt-get", "update", "-q")
        try:
            return self._fetch(*names)
        except UnreachableError:
            # Lists of another day name versions that are no longer kept.
            self._run("apt-get", "update", "-q")
            return self._fetch(*names)

    def _fetch(self, *names: str) -> list[Path]:
        plan = self._run("apt-get", "install", "-y", "-s", "-q", *names)
        chosen = re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", plan, re.MULTILINE)
        files = [self.archives / f"{name}_{version.replace(':', '%3a')}_{kind}.deb" for name, version, kind in chosen]
        if not all(path.exists() for path in files):
            self._run("apt-get", "install", "-y", "-q", "--download-only", *names)
        return files


def unpack(package: Path, root: Path) -> None:
    """The files of one package below `root`; its scripts are not run."""
    subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
