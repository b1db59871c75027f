#!/bin/sh
# Makes the virtual environments of the systems that the benchmarks are measured against.
# usage: benches/peers/setup.sh librosa|scikit-learn|neural|mlflow|snakemake|analysis|s3|NAME...
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
for name; do
    venv=$here/.venv
    case $name in
        librosa) set -- librosa==0.11.0 soundfile ;;
        scikit-learn) set -- scikit-learn==1.9.1 numpy ;;
        # torch brings the libraries of CUDA along from PyPI, 4 GB of them, though only its CPU is measured here.
        neural) venv=$here/.venv-neural; set -- torch==2.8.0 keras==3.15.1 onnxruntime==1.32.0 onnx==1.23.2 safetensors==0.8.0 numpy ;;
        # What `publish` writes is read back with these.
        mlflow) venv=$here/.venv-mlflow; set -- mlflow==3.17.2 tensorboard==2.21.0 ;;
        # Of no peer, but of experiments/analysis.py.
        analysis) venv=$here/.venv-analysis; set -- pandas==3.1.1 matplotlib==3.11.2 ;;
        # A server of S3 for the tests of the remote cache.
        s3) venv=$here/.venv-s3; set -- 'moto[server]==5.2.5' ;;
        # Its pins would hold back the others.
        snakemake) venv=$here/.venv-snakemake; set -- snakemake==9.27.1 ;;
        *) set -- "$name" ;;
    esac
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
done
