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
# Apart, for its minutes are not the story's, and what it does is to be seen.
status=0
build/venv/bin/python tests/system/vm/guest.py || status=$?
if [ "$status" -eq 3 ]; then
    echo "system-test: SKIPPED, the guest cannot be made here"
    exit 0
fi
[ "$status" -eq 0 ] || exit "$status"
exec build/venv/bin/python -m pytest -c app/pyproject.toml --rootdir=. -o timeout=900 -rs --durations=8 tests/system/vm "$@"
