"""What `dg scaffold defs prox_assets.RefinedCorpus NAME` writes: a defs.yaml with the attributes that everyone sets."""

from pathlib import Path

import yaml
from dagster.components import Scaffolder, ScaffoldRequest

TEMPLATE = """\
type: {type}

attributes:
  corpus: {corpus}
  urls:
    - data/{corpus} # folders (every .json, .jsonl, .ndjson, plain, .gz or .zst, and .parquet below), files and globs;
    #                 local, s3://, gs://, hf://datasets/owner/name/...
  format: auto # or c4, redpajama_v2, fineweb, openwebmath, dclm, jsonl, parquet
  refiners: cascade # or bundled, lines, rules, prox-web, prox-math, keep-all, a folder of the lab such as lab/my_lab
  engine:
    kind: transformers # or, with settings of their own: vllm on GPUs, server with the base_url of a running one
    device: cpu # or cuda; only transformers has it
  owners: []
"""


class RefinedCorpusScaffolder(Scaffolder):
    """Writes a defs.yaml to start from."""

    def scaffold(self, request: ScaffoldRequest) -> None:
        """Write the file."""
        name = request.target_path.name.replace("-", "_").lower()
        text = TEMPLATE.format(type=request.type_name, corpus=name)
        yaml.safe_load(text)  # refuses a folder name that would make invalid YAML
        Path(request.target_path, "defs.yaml").write_text(text)
