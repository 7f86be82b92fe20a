# SPDX-License-Identifier: MIT
"""For all tests: no generated example is judged by how long it took."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("stratum1", deadline=None, print_blob=True)
settings.load_profile("stratum1")
