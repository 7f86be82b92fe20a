# SPDX-License-Identifier: MIT
"""python -m stratum1 is the stratum1 command."""

import sys

from stratum1.cli import main

sys.exit(main())
