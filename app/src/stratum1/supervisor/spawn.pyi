CHILD_HEARTBEAT_FD: int

def spawn(
    argv: list[bytes],
    environ: list[bytes],
    output_fd: int,
    heartbeat_fd: int = -1,
    account: tuple[int, int, tuple[int, ...], int] | None = None,
) -> int: ...
