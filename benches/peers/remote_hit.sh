#!/bin/sh
# How long an unchanged experiment of 390 points takes, and what travels, with a remote cache and an
# empty local one. The server is moto (`benches/peers/setup.sh s3`), on this machine.
# usage: benches/peers/remote_hit.sh [ROUNDS]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
humshift=$here/../../target/release/humshift
folder=$(mktemp -d)
"$here/.venv-s3/bin/moto_server" -H 127.0.0.1 -p 15999 >/dev/null 2>&1 &
server=$!
trap 'kill $server; rm -rf "$folder"' EXIT
cd "$folder"
cat >spec.yaml <<'END'
name: hit
data: { synthetic: { machines: [fan], seconds: 0.5, rate: 8000, clips: { source_train: 20, target_train: 2, normal: 5, anomaly: 5 } } }
features: { log_mel: { frame: 256, hop: 128, mels: 32 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
sweep:
  features.log_mel.mels: { range: [10, 49] }
  detector.knn.k: { range: [1, 11] }
END
python3 - <<'END'
import time, urllib.request
for _ in range(300):
    try:
        urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:15999/lab", method="PUT")); break
    except OSError:
        time.sleep(0.1)
END
export AWS_ACCESS_KEY_ID=somebody AWS_SECRET_ACCESS_KEY=secret AWS_ENDPOINT_URL=http://127.0.0.1:15999
"$humshift" run spec.yaml --cache first --remote s3://lab/asd >first.txt 2>log
tail -n 2 log
for _ in $(seq "${1:-5}"); do
    rm -rf second
    begun=$(date +%s%N)
    "$humshift" run spec.yaml --cache second --remote s3://lab/asd >second.txt 2>log
    echo "$((($(date +%s%N) - begun) / 1000000)) ms, $(tail -n 1 log)"
    cmp first.txt second.txt
done
