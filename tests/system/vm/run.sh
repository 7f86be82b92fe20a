#!/bin/sh
# SPDX-License-Identifier: MIT
# Tells the virtual machine's story, or in one line why it cannot be told here.
set -eu
cd "$(dirname "$0")/../../.."
if ! scripts/setup.sh emulate; then
    missing=$(scripts/packages.sh missing emulate)
    [ -n "$missing" ] || exit 1
    echo "system-test: SKIPPED, this machine has not got and cannot get: $missing"
    exit 0
fi
exec build/venv/bin/python -m pytest -c app/pyproject.toml --rootdir=. -o timeout=900 --durations=8 tests/system/vm "$@"
