#!/bin/sh
# Installs Prism into the folder $1, unless this version is there, and prints the program's path. Needs npm.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
program="$1/node_modules/.bin/prism"

if ! cmp -s "$here/package.json" "$1/package.json"; then
    mkdir -p "$1"
    rm -rf "$1/node_modules"
    cp "$here/package.json" "$1/package.json"
fi
if [ ! -x "$program" ]; then
    (cd "$1" && npm install --no-audit --no-fund --loglevel=error) >&2
fi
echo "$program"
