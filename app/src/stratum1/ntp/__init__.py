# SPDX-License-Identifier: MIT
"""NTP as a server speaks it: packets, access, rates, authentication, the compiled answer path."""
