# SPDX-License-Identifier: MIT
"""The kernel's clock discipline, only read: adjtimex(2) with no mode set."""

cdef extern from "<sys/timex.h>":
    ctypedef struct timex "struct timex":
        int modes
        long offset
        long freq
        long maxerror
        long esterror
        int status
        long constant
        long precision
        long tolerance
    int adjtimex(timex *state)
    enum: STA_NANO


def kernel_variables() -> dict[str, str]:
    """What ntpq's kerninfo asks, in its units: ms for times, ppm for frequencies; empty where the kernel does not tell."""
    cdef timex state
    state.modes = 0
    if adjtimex(&state) < 0:
        return {}
    per_ms = 1e6 if state.status & STA_NANO else 1e3
    return {
        "koffset": f"{state.offset / per_ms:.6f}",
        "kfreq": f"{state.freq / 65536:.6f}",
        "kmaxerr": f"{state.maxerror / 1e3:.3f}",
        "kesterr": f"{state.esterror / 1e3:.3f}",
        "kstflags": f"0x{state.status:x}",
        "ktimeconst": str(state.constant),
        "kprecis": f"{state.precision / 1e3:.6f}",
        "kfreqtol": f"{state.tolerance / 65536:.0f}",
    }
