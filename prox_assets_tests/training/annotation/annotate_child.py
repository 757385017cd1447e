"""Annotates four documents, in a process of its own that can be killed: `annotate_child BASE_URL FOLDER`."""

import sys
from pathlib import Path

from prox_assets.training.annotation import AnnotatorConfig, annotate
from prox_assets.training.data.seeds import SeedDocument

DOCUMENTS = [SeedDocument(f"d{i}", f"site{i}.example", "", f"Page {i}.") for i in range(4)]


def config(base_url: str) -> AnnotatorConfig:
    return AnnotatorConfig(base_url=base_url, concurrency=2, max_tokens=20)


if __name__ == "__main__":
    annotate(DOCUMENTS, config(sys.argv[1]), "doc", Path(sys.argv[2]))
