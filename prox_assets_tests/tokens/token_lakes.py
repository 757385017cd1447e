"""Lakes of some pages, and tokenizers small enough for a test."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.tokens.folder import folder_of, token_file
from prox_assets.tokens.settings import TokenSettings
from prox_assets_tests.lakes import files_of, lake_at

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CORPUS = "web"
TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again.",
    "A page about <s> and </s>, which are text here.\n\nSecond paragraph.",
    "Größe, 漢字 and 😀 in one line",
    " begins with a space",
    "x" * 500,
]


def pages(shards: int = 2, each: int = 12) -> dict[str, list[tuple[str, str]]]:
    """Return URLs and texts of some shards, of a few sites."""
    return {
        f"part-{number}.jsonl": [
            (f"https://site{row % 5}.example/{number}/{row}", f"{TEXTS[row % len(TEXTS)]} Page {row} of {number}.")
            for row in range(each)
        ]
        for number in range(shards)
    }


def lake_of(folder: Path, shards: Mapping[str, Sequence[tuple[str, str]]]) -> Lake:
    """Read pages into a lake, a shard for each file."""
    lake = lake_at(folder / "lake")
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, rows in shards.items():
        lines = (json.dumps({"text": text, "url": url, "owner": (url or "")[:14]}) for url, text in rows)
        (raw / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    plan = RefinementPlan(source=CorpusSource(name=CORPUS, urls=[str(raw / "*.jsonl")]), refiners=preset("rules"))
    for shard in discover_shards(lake, plan, "run-1").shards:
        read_raw_shard(ShardRun(lake, plan, shard.key, "run-1"))
    return lake


def tokens_of(lake: Lake) -> dict[str, bytes]:
    """Return all files but the manifest, which has the time."""
    return {p: data for p, data in files_of(lake).items() if p.startswith("_tokens/") and "manifest" not in p}


class Killed(BaseException):
    """Stands for a kill: nothing in the product catches it."""


@contextmanager
def killed_after(published: int) -> Iterator[None]:
    """Let so many files of the token files `x` be put in place, and end with `Killed` at the next."""
    put, rename = [], Path.replace

    def rename_some(self: Path, target: Path) -> Path:
        if "/_tokens/x/" in str(target):
            put.append(target)
            if len(put) > published:
                raise Killed
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "replace", rename_some)
        with pytest.raises(Killed):
            yield


def llama_like(folder: Path) -> Path:
    """Save a small byte-level BPE that puts a BOS token before every text by itself, as Llama's do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return save(tokenizer, folder, {"eos_token": "</s>", "bos_token": {"content": "<s>"}})


def llama_2_like(folder: Path, *, reaching_over: bool = False) -> Path:
    """Save a BPE over whole texts with spaces as in Llama-2, and tokens for bytes; one token may reach over words."""
    from tokenizers import Tokenizer, models, normalizers

    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abc.", "▁▁", "ab", "▁a", "▁ab"]
    merges = [("▁", "▁"), ("a", "b"), ("▁", "a"), ("▁a", "b"), ("▁", "ab")]
    if reaching_over:
        tokens.append("b▁a")
        merges.append(("b", "▁a"))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=tokens[0], fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(tokens[:3])
    return save(tokenizer, folder, {"eos_token": "</s>"})


OTHER = "?"


def large(folder: Path) -> Path:
    """Save a tokenizer of 70,000 ids: a word is one."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {"</s>": 0, OTHER: 1, **{f"w{number}": number for number in range(2, 70_000)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=OTHER))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return save(tokenizer, folder, {"eos_token": "</s>"})


def save(tokenizer: "Tokenizer", folder: Path, configuration: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    if configuration:
        (folder / "tokenizer_config.json").write_text(json.dumps(configuration), encoding="utf-8")
    return folder


def settings_of(tokenizer: Path, **changes: Any) -> TokenSettings:
    values = {"name": "x", "source": {"kind": "table", "corpora": [CORPUS], "table": "documents"}}
    return TokenSettings.model_validate({**values, "tokenizer": str(tokenizer), **changes})


def encode(tokenizer: Path, text: str) -> list[int]:
    """Return a text's ids by the library alone."""
    return _opened(tokenizer).encode(text, add_special_tokens=False).ids


@cache
def _opened(tokenizer: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    opened = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    opened.encode_special_tokens = True
    return opened


def ids_of(lake: Lake, settings: TokenSettings, shard: str, split: str = "train", dtype: str = "<u2") -> np.ndarray:
    """Return the ids of a token file."""
    data = folder_of(lake, settings).read_bytes(token_file(split, (CORPUS, shard)))
    assert data is not None
    return np.frombuffer(data, dtype)
