//! The examples at the end of `--help`. A test parses each of them with the program.

pub const CHECK: &str = "\
Examples:
  humshift check experiments/quickstart.yaml
  humshift check spec.yaml --set data.dcase.root=recordings --json";

pub const INIT: &str = "\
Examples:
  humshift init recordings
  humshift init recordings -o first.yaml";

pub const PLAN: &str = "\
Examples:
  humshift plan spec.yaml
  humshift plan spec.yaml --set detector.knn.k=3
  humshift plan spec.yaml --dot | dot -Tsvg > plan.svg";

pub const RUN: &str = "\
Examples:
  humshift run experiments/quickstart.yaml
  humshift run spec.yaml --set seed=[0,1,2] --jobs 4
  humshift run spec.yaml --baseline baseline.json --max-drop 0.01 --junit report.xml";

pub const EXPLAIN: &str = "\
Examples:
  humshift explain spec.yaml training/fan/00
  humshift explain spec.yaml training/fan/00 --proof";

pub const REPORT: &str = "\
Examples:
  humshift report quickstart
  humshift report spec.yaml --format html -o report.html
  humshift report spec.yaml --top 5 --by auc_target --where detector=knn
  humshift report spec.yaml --pivot detector pool --format latex";

pub const EVALUATE: &str = "\
Examples:
  humshift evaluate scores --protocol dcase2023 --truth ground_truth
  humshift evaluate scores --protocol dcase2022 --json";

pub const EXPORT: &str = "\
Examples:
  humshift export quickstart training/fan/00/detector=autoencoder -o fan.onnx
  humshift export spec.yaml training/fan/00 -o fan.safetensors";

pub const FEATURES: &str = "\
Examples:
  humshift features clip.wav -o clip.npy
  humshift features clip.wav -o clip.npy --set mels=64 --set hop=256
  humshift features clip.wav -o clip.npy --spec spec.yaml --allow-commands";

pub const DATASET_WRITE: &str = "\
Example:
  humshift dataset write experiments/quickstart.yaml -o twin";

pub const CACHE_LS: &str = "\
Example:
  humshift cache ls --json";

pub const CACHE_STAT: &str = "\
Example:
  humshift cache stat";

pub const CACHE_VERIFY: &str = "\
Example:
  humshift cache verify";

pub const CACHE_GC: &str = "\
Examples:
  humshift cache gc --max-size 10G
  humshift cache gc --older-than 30d --dry-run
  humshift cache gc --keep records";

pub const CACHE_PUSH: &str = "\
Examples:
  humshift cache push --remote s3://lab-cache/humshift
  humshift cache push quickstart --remote file:///mnt/share/humshift --remote-records";

pub const CACHE_PULL: &str = "\
Examples:
  humshift cache pull quickstart --remote s3://lab-cache/humshift
  humshift cache pull --remote file:///mnt/share/humshift";

pub const SCHEMA: &str = "\
Example:
  humshift schema -o schema.json";

pub const DOCS: &str = "\
Example:
  humshift docs -o spec.md";

pub const COMPLETIONS: &str = "\
Examples:
  humshift completions bash > ~/.local/share/bash-completion/completions/humshift
  humshift completions zsh > ~/.zfunc/_humshift
  humshift completions fish > ~/.config/fish/completions/humshift.fish";

pub const MAN: &str = "\
Examples:
  humshift man | man -l -
  humshift man -o ~/.local/share/man/man1";
