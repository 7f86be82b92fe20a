#!/bin/sh
# SPDX-License-Identifier: MIT
# Collect what people read into a catalogue for translators:  messages.sh FILE.pot [PYBABEL]
#
# Templates, _() and N_(), and what forms and the settings' schema say of each field.
set -eu

[ $# -ge 1 ] || { echo "usage: messages.sh FILE.pot [PYBABEL]" >&2; exit 2; }
pot=$1
pybabel=${2:-pybabel}
cd "$(dirname "$0")/.."

fields=
for field in PasswordField StringField TextAreaField SelectField FileField BooleanField IntegerField DecimalField; do
    fields="$fields -k $field"
done
mkdir -p "$(dirname "$pot")"
# shellcheck disable=SC2086  # a list of options
"$pybabel" --quiet extract --mapping app/babel.cfg --no-location --sort-output --project stratum1 \
    -k N_ -k option:2 $fields --output "$pot" app/src/stratum1
echo "$pot: $(grep -c '^msgid "' "$pot") texts"
