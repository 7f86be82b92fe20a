# SPDX-License-Identifier: MIT
"""As whom a child runs: as little as it needs when the supervisor is root, else as the supervisor itself."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

# linux/capability.h
CAP_NET_BIND_SERVICE = 10
CAP_IPC_LOCK = 14
CAP_SYS_NICE = 23
CAP_SYS_TIME = 25

OURS = "stratum1"
"""The unprivileged user of our own processes; the image has it, a PC usually does not."""


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    capabilities: tuple[int, ...] = ()

    def raw(self) -> tuple[int, int, tuple[int, ...], int]:
        """As spawn() takes it."""
        return self.uid, self.gid, self.groups, sum(1 << capability for capability in self.capabilities)


def account(names: Iterable[str], *capabilities: int) -> Account | None:
    """The first user of `names` that exists, keeping `capabilities`; None when there is none, or we are not root."""
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if not _mapped(entry.pw_uid):
            continue
        groups = tuple(group.gr_gid for group in grp.getgrall() if name in group.gr_mem)
        return Account(entry.pw_uid, entry.pw_gid, groups, capabilities)
    return None


def with_devices(account: Account | None, devices: Iterable[Path]) -> Account | None:
    """`account` able to read and write `devices` through their group; those that are not there are passed over.

    A device of group root is given to the account's own group, any other lends its group (as gpsd itself
    does when it is started as root).
    """
    if account is None:
        return None
    for device in devices:
        try:
            found = device.stat()
            if not (stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)):
                continue
            if found.st_gid == 0:
                os.chown(device, -1, account.gid)
            elif found.st_gid not in account.groups:
                account = replace(account, groups=(*account.groups, found.st_gid))
            os.chmod(device, stat.S_IMODE(found.st_mode) | stat.S_IRGRP | stat.S_IWGRP)
        except OSError:
            continue  # the process will say in its own words what it cannot open
    return account


def _mapped(uid: int) -> bool:
    """Whether that user exists in our user namespace, where root may be alone (user_namespaces(7))."""
    try:
        rows = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    except OSError:
        return True
    return any(int(first) <= uid < int(first) + int(count) for first, _, count in rows)
