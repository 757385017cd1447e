"""What `dg scaffold defs prox_assets.COMPONENT NAME` writes: a defs.yaml with the attributes that everyone sets."""

from pathlib import Path
from typing import ClassVar

import yaml
from dagster.components import Scaffolder, ScaffoldRequest

_CORPUS = """\
type: {type}

attributes:
  corpus: {name}
  urls:
    - data/{name} # folders (every .json, .jsonl, .ndjson, plain, .gz or .zst, and .parquet below), files and globs;
    #                 local, s3://, gs://, hf://datasets/owner/name/...
  format: auto # or c4, redpajama_v2, fineweb, openwebmath, dclm, jsonl, parquet
  refiners: cascade # or bundled, lines, rules, prox-web, prox-math, keep-all, a folder of the lab such as lab/my_lab
  engine:
    kind: transformers # or, with settings of their own: vllm on GPUs, server with the base_url of a running one
    device: cpu # or cuda; only transformers has it
  owners: []
"""

_TOKENS = """\
type: {type}

attributes:
  name: {name}
  source:
    kind: table
    corpora: [my_corpus] # of the lake; each counts as a source
    table: refined # or documents, the raw text
  tokenizer: path/to/tokenizer # folder, tokenizer.json, or name of a model on the hub
  formats: [megatron, datatrove, olmo_core] # and parquet_packed, parquet_documents, litgpt
  splits: {{validation: 0.01}}
  run_cards: []
  # - recipe: tinyllama_1b # needs parquet_packed and litgpt with its sequence_length for these two trainers
  #   devices: 8
  automation: off # or eager
  owners: []
"""

_COMPARISON = """\
type: {type}

attributes:
  name: {name}
  corpora: [my_corpus_rules, my_corpus_cascade] # refined from the same raw files, each by another refiner
  automation: eager # or off
  owners: []
"""


class _Scaffolder(Scaffolder):
    """Writes a defs.yaml to start from."""

    template: ClassVar[str]

    def scaffold(self, request: ScaffoldRequest) -> None:
        """Write the file."""
        name = request.target_path.name.replace("-", "_").lower()
        text = self.template.format(type=request.type_name, name=name)
        yaml.safe_load(text)  # refuses a folder name that would make invalid YAML
        Path(request.target_path, "defs.yaml").write_text(text)


class RefinedCorpusScaffolder(_Scaffolder):
    """Writes that of a corpus."""

    template = _CORPUS


class TrainingTokensScaffolder(_Scaffolder):
    """Writes that of token files."""

    template = _TOKENS


class RefinerComparisonScaffolder(_Scaffolder):
    """Writes that of a comparison."""

    template = _COMPARISON
