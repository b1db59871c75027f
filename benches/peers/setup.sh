#!/bin/sh
# Makes the virtual environment of the systems that the benchmarks are measured against.
# usage: benches/peers/setup.sh librosa [NAME...]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
[ -x "$here/.venv/bin/python" ] || python3 -m venv "$here/.venv"
for name; do
    case $name in
        librosa) set -- librosa==0.11.0 soundfile ;;
        *) set -- "$name" ;;
    esac
    "$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
done
