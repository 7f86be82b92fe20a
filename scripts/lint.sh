#!/bin/sh
# SPDX-License-Identifier: MIT
# Every static check, all of them even when one fails:  lint.sh  (in a checkout that setup.sh test made ready)
set -u
cd "$(dirname "$0")/.." || exit 1
bin=build/venv/bin
config=app/pyproject.toml
status=0

check() {
    printf 'lint: %s\n' "$1"
    shift
    "$@" || status=1
}

folders=
for folder in app/src app/setup.py tests bench scripts board buildroot-external; do
    [ -e "$folder" ] && folders="$folders $folder"
done
shells=$(find .ci scripts tests bench board buildroot-external overlays -type f 2>/dev/null |
    while read -r file; do
        head -n 1 "$file" | grep -qaE '^#!/(usr/)?bin/(env )?(sh|bash|dash)' && echo "$file"
    done | LC_ALL=C sort)

# shellcheck disable=SC2086  # lists of files without spaces
{
    check "ruff check" $bin/ruff check --quiet --config $config $folders
    check "ruff format" $bin/ruff format --quiet --check --diff --config $config $folders
    check "mypy --strict" $bin/mypy --no-error-summary --config-file $config
    check "cython-lint" $bin/cython-lint --max-line-length 120 --no-pycodestyle app/src
    check "shellcheck" shellcheck --external-sources $shells
}
exit $status
