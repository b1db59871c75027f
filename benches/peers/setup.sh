#!/bin/sh
# Makes the virtual environments of the systems that the benchmarks are measured against.
# usage: benches/peers/setup.sh librosa|scikit-learn|snakemake|NAME...
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
for name; do
    venv=$here/.venv
    case $name in
        librosa) set -- librosa==0.11.0 soundfile ;;
        scikit-learn) set -- scikit-learn==1.9.1 numpy ;;
        # Its pins would hold back the others.
        snakemake) venv=$here/.venv-snakemake; set -- snakemake==9.27.1 ;;
        *) set -- "$name" ;;
    esac
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
done
