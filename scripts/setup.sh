#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes this checkout ready:  setup.sh [run|test|emulate]
#
# System packages, a virtual environment in build/venv, the Python packages of app/pyproject.toml and the
# compiled modules. What is done already is known by the hash of what it was made from and is not done again.
set -eu

purpose=${1:-run}
cd "$(dirname "$0")/.."
venv=build/venv
stamps=build/setup
mkdir -p "$stamps"

say() { printf 'setup: %s\n' "$*"; }
hash_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }
done_before() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }
mark() { printf '%s\n' "$2" >"$stamps/$1"; }

# with_progress SED-SCRIPT LOG COMMAND...: run it with its words in LOG, and show what the script makes of them.
with_progress() {
    script=$1
    log=$2
    shift 2
    : >"$log"
    "$@" >"$log" 2>&1 &
    worker=$!
    trap 'kill "$worker" 2>/dev/null; exit 130' INT TERM
    tail -n +1 -s 0.2 -f --pid="$worker" "$log" 2>/dev/null | sed -un "$script" | sed -u 's/^/setup:     /'
    status=0
    wait "$worker" || status=$?
    trap - INT TERM
    return $status
}

give_up() {
    tail -n 30 "$2" >&2
    say "$1; the whole story is in $2" >&2
    exit 1
}

build_extensions() {
    jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    (cd app && STRATUM1_BUILD_JOBS=$jobs "../$venv/bin/python" setup.py build_ext --inplace --parallel "$jobs") &&
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e app
}

# One setup at a time in one checkout.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$stamps/lock"
    flock -n 9 || { say "another setup is at work in this folder, waiting for it"; flock 9; }
fi

# 1. System packages
missing=$(scripts/packages.sh missing "$purpose")
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "please install these (named as in Debian): $missing" >&2
        exit 2
    fi
    if [ "$(id -u)" != 0 ]; then
        say "some system packages are missing ($missing); install them with" >&2
        printf '\n    sudo %s/scripts/packages.sh install %s\n\n' "$PWD" "$purpose" >&2
        say "and type the same command again" >&2
        exit 2
    fi
    say "1/4 installing system packages: $missing"
    scripts/packages.sh install "$purpose"
fi

# 2. The virtual environment; it knows its own path, so a moved checkout gets a new one.
if ! [ -x "$venv/bin/python" ] || ! done_before venv "$PWD" || ! "$venv/bin/python" -c "" 2>/dev/null; then
    python=$(scripts/packages.sh python) || { say "no Python 3.11 or newer with venv and headers found" >&2; exit 2; }
    say "2/4 making a virtual environment in $venv with $("$python" --version)"
    rm -rf "$venv"
    rm -f "$stamps/packages-run" "$stamps/packages-test" "$stamps/extensions"
    "$python" -m venv "$venv"
    mark venv "$PWD"
fi

# 3. Python packages; those for tests include those for running.
python_set=$purpose
[ "$purpose" != emulate ] || python_set="test"
wanted=$(hash_of app/pyproject.toml scripts/setup.sh)
if ! done_before "packages-$python_set" "$wanted" && ! done_before packages-test "$wanted"; then
    say "3/4 installing Python packages ($python_set); the first time this takes a minute or two"
    "$venv/bin/python" - "$python_set" >"$stamps/requirements.txt" <<'END'
import sys, tomllib
with open("app/pyproject.toml", "rb") as file:
    text = tomllib.load(file)
project = text["project"]
# An editable install by setuptools alone takes 70.1.
wanted = text["build-system"]["requires"] + ["setuptools>=70.1"] + project["dependencies"]
if sys.argv[1] == "test":
    wanted += project["optional-dependencies"]["dev"]
print("\n".join(wanted))
END
    with_progress 's/^Collecting \([A-Za-z0-9_.-]*\).*/fetching \1/p' "$stamps/pip.log" \
        "$venv/bin/python" -m pip install --disable-pip-version-check -r "$stamps/requirements.txt" ||
        give_up "Python packages could not be installed" "$stamps/pip.log"
    mark "packages-$python_set" "$wanted"
    rm -f "$stamps/extensions"
fi

# The page's charts; without them it shows the numbers as a table and says why.
charts=app/src/stratum1/web/static/vendor
recipe=buildroot-external/package/uplot
bundle=uplot-$(sed -n 's/^UPLOT_VERSION = //p' "$recipe/uplot.mk").tgz
if ! [ -e "$charts/uPlot.iife.min.js" ] || ! done_before charts "$(hash_of "$recipe/uplot.hash")"; then
    if scripts/pinned-download.sh --hashes "$recipe/uplot.hash" --into build/npm "$bundle"; then
        mkdir -p "$charts"
        tar -xzf "build/npm/$bundle" -C "$charts" --strip-components=2 package/dist/uPlot.iife.min.js package/dist/uPlot.min.css
        mark charts "$(hash_of "$recipe/uplot.hash")"
    else
        say "the page goes without charts; type the same command again once npm is there"
    fi
fi

# 4. The compiled modules, beside their sources, and the `stratum1` command.
sources=$(find app/src -name '*.pyx' -o -name '*.pxd' -o -name '*.h' | LC_ALL=C sort)
# shellcheck disable=SC2086  # a list of file names
wanted=$(hash_of app/setup.py app/pyproject.toml $sources)
built=yes
for pyx in $(printf '%s\n' "$sources" | grep 'pyx$'); do
    set -- "${pyx%.pyx}".*.so
    [ -e "$1" ] || built=no
done
if [ "$built" = no ] || ! done_before extensions "$wanted"; then
    say "4/4 compiling $(printf '%s\n' "$sources" | grep -c 'pyx$') modules"
    with_progress "s/.*Cythonizing src.\(stratum1.*\)/translating \1/p; s/^building '\([^']*\)'.*/compiling \1/p" \
        "$stamps/build.log" build_extensions || give_up "the modules could not be compiled" "$stamps/build.log"
    mark extensions "$wanted"
    say "ready"
fi
