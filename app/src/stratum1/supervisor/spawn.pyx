# SPDX-License-Identifier: MIT
"""fork and exec with everything that must happen in between.

It is compiled because between fork and exec of a process with threads only calls that are safe in a
signal handler are allowed (fork(2)), and Python code is not.
"""

import fcntl
import os
import sys
from libc.errno cimport errno
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from posix.types cimport gid_t, pid_t, uid_t
from posix.unistd cimport _exit, dup2, execve, fork, getpid, setpgid, write

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <grp.h>
    #include <linux/capability.h>
    #include <signal.h>
    #include <stdint.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    /* capset(2): the same 64-bit mask as permitted, effective and inheritable, and as ambient so that it survives exec. */
    static int keep_capabilities(uint64_t mask)
    {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2];
        for (int half = 0; half < 2; half++) {
            uint32_t bits = (uint32_t)(mask >> (32 * half));
            data[half].permitted = data[half].effective = data[half].inheritable = bits;
        }
        if (syscall(SYS_capset, &header, data) != 0)
            return -1;
        for (int capability = 0; capability < 64; capability++)
            if ((mask >> capability) & 1
                    && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
                return -1;
        return 0;
    }

    static int become(uid_t uid, gid_t gid, const gid_t *groups, size_t count, uint64_t capabilities)
    {
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
            return -1;
        if (setgroups(count, groups) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
            return -1;
        return keep_capabilities(capabilities);
    }

    /* What is blocked or ignored stays so across exec: some by Python, more when we were started by nohup. */
    static void forget_signals(void)
    {
        for (int number = 1; number <= SIGRTMAX; number++)
            signal(number, SIG_DFL);    /* refused for a few, which nobody can ignore */
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
    }

    #ifndef SYS_close_range
    #define SYS_close_range 436     /* the same number on every architecture */
    #endif

    /* close_range(2) with CLOSE_RANGE_CLOEXEC: what others left open to us ends here. Linux 5.11; without it, it does not. */
    static void close_from_at_exec(unsigned first)
    {
        syscall(SYS_close_range, first, ~0U, 1U << 2);
    }

    static int die_with_parent(pid_t parent)
    {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
            return -1;
        if (getppid() != parent)
            _exit(0);       /* it died before this was asked for */
        return 0;
    }

    static int no_new_privileges(void)
    {
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
    """
    ctypedef unsigned long long uint64_t
    int become(uid_t uid, gid_t gid, const gid_t *groups, size_t count, uint64_t capabilities) nogil
    void forget_signals() nogil
    void close_from_at_exec(unsigned first) nogil
    int die_with_parent(pid_t parent) nogil
    int no_new_privileges() nogil

cdef enum:
    HEARTBEAT_FD = 3

CHILD_HEARTBEAT_FD = HEARTBEAT_FD
"""Number of the heartbeat pipe in the child."""


cdef struct Order:
    char **argv
    char **environ
    int null_fd
    int output_fd
    int heartbeat_fd
    int report_fd
    int change_user
    uid_t uid
    gid_t gid
    gid_t *groups
    size_t group_count
    uint64_t capabilities
    pid_t parent


cdef int prepare(const Order *order) noexcept nogil:
    """In the child, up to exec; 0, or -1 with errno."""
    if setpgid(0, 0) != 0:
        return -1
    forget_signals()
    if dup2(order.null_fd, 0) < 0 or dup2(order.output_fd, 1) < 0 or dup2(order.output_fd, 2) < 0:
        return -1
    if order.heartbeat_fd >= 0 and dup2(order.heartbeat_fd, HEARTBEAT_FD) < 0:
        return -1
    close_from_at_exec(HEARTBEAT_FD + 1 if order.heartbeat_fd >= 0 else HEARTBEAT_FD)
    if order.change_user and become(order.uid, order.gid, order.groups, order.group_count, order.capabilities) != 0:
        return -1
    if no_new_privileges() != 0:
        return -1
    # After the change of user, which clears it (prctl(2)).
    return die_with_parent(order.parent)


cdef void run_child(const Order *order) noexcept nogil:
    cdef int problem
    if prepare(order) == 0:
        execve(order.argv[0], order.argv, order.environ)
    problem = errno
    write(order.report_fd, &problem, sizeof(problem))
    _exit(127)


cdef char **c_strings(list texts) except NULL:
    cdef char **result = <char **>malloc((len(texts) + 1) * sizeof(char *))
    cdef Py_ssize_t i
    if result == NULL:
        raise MemoryError
    for i in range(len(texts)):
        result[i] = <bytes>texts[i]
    result[len(texts)] = NULL
    return result


cdef int above_standard(int fd, list opened) except -1:
    """A copy of `fd` that no dup2 onto 0..HEARTBEAT_FD can hit; noted in `opened`."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    opened.append(copy)
    return copy


def spawn(
    argv: list[bytes],
    environ: list[bytes],
    output_fd: int,
    heartbeat_fd: int = -1,
    account: tuple[int, int, tuple[int, ...], int] | None = None,
) -> int:
    """Start `argv` (argv[0] is a path) in a process group of its own and return its pid.

    Its standard output and error go to `output_fd`, its input is empty, and of all other descriptors it gets
    `heartbeat_fd` alone, as CHILD_HEARTBEAT_FD.  `account` is (uid, gid, further groups, mask of the capabilities
    that it keeps); None leaves the user as it is.  It dies with this process, however that ends.
    OSError when it cannot be started.  To be called from the main thread: the kernel ties "dies with its
    parent" to the thread that forked.
    """
    cdef Order order
    cdef pid_t pid
    cdef list opened = []
    memset(&order, 0, sizeof(order))
    order.heartbeat_fd = -1
    order.parent = getpid()
    report_in, report_out = os.pipe2(os.O_CLOEXEC)
    try:
        order.report_fd = above_standard(report_out, opened)
        order.output_fd = above_standard(output_fd, opened)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        opened.append(null)
        order.null_fd = above_standard(null, opened)
        if heartbeat_fd >= 0:
            order.heartbeat_fd = above_standard(heartbeat_fd, opened)
        if account is not None:
            order.change_user = 1
            order.uid, order.gid, groups, order.capabilities = account
            order.group_count = len(groups)
            order.groups = <gid_t *>malloc(max(len(groups), 1) * sizeof(gid_t))
            if order.groups == NULL:
                raise MemoryError
            for i, group in enumerate(groups):
                order.groups[i] = group
        order.argv = c_strings(argv)
        order.environ = c_strings(environ)
        with nogil:
            pid = fork()
            if pid == 0:
                run_child(&order)
        if pid < 0:
            raise OSError(errno, os.strerror(errno), os.fsdecode(argv[0]))
        setpgid(pid, pid)  # here too, so that the group exists whoever comes first
    finally:
        free(order.argv)
        free(order.environ)
        free(order.groups)
        os.close(report_out)
        for fd in opened:
            os.close(fd)
    # Closed by a successful exec, so this waits for the outcome.
    with os.fdopen(report_in, "rb") as report:
        problem = int.from_bytes(report.read(), sys.byteorder)
    if problem:
        os.waitpid(pid, 0)
        raise OSError(problem, os.strerror(problem), os.fsdecode(argv[0]))
    return pid
