"""Trains n-gram models of a proof, and opens them for evaluation."""

import json
import time
from pathlib import Path

import numpy as np
import xxhash

from prox_assets.programs.canonical_json import settings_fingerprint
from prox_assets.proof.ngram.scorer import NgramScorer
from prox_assets.proof.results import TrainedModel, read_result, write_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel as NgramSettings
from prox_assets.proof.tokens.arm_tokens import TokenStream
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import file_hash
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.ngram.model import FORMAT, NGRAM_FILE, NgramModel, fit

TOKENIZER = "tokenizer.json"


def train_ngram(
    run: ModelRun, settings: NgramSettings, stream: TokenStream, tokenizer_folder: Path, folder: Path
) -> TrainedModel:
    """Count the n-grams of a stream and write the model into a folder; a finished run of equal inputs is kept.

    Args:
        run: Which model this is.
        settings: Its order and discount.
        stream: What it is trained on.
        tokenizer_folder: The tokenizer of the stream, with a tokenizer.json.
        folder: Where the model and its run.json go.

    Raises:
        RefinerError: There is no readable tokenizer.
        ValueError: The stream has tokens that the tokenizer does not know.
    """
    started = time.monotonic()
    ids = stream.read(0, len(stream))
    identity = _identity(settings, ids, tokenizer_folder)
    done = read_result(folder)
    if done is not None and done.identity == identity and (folder / NGRAM_FILE).is_file():
        return done
    model = fit(ids, settings.order, settings.discount, vocabulary_size(tokenizer_folder))
    model.save(folder)
    result = TrainedModel(
        arm=run.arm,
        model=run.model,
        budget=run.budget,
        seed=run.seed,
        identity=identity,
        tokens=len(ids),
        unique_tokens=stream.unique_tokens,
        documents=stream.documents,
        epochs=stream.epochs,
        parameters=model.stored,
        parameters_without_embeddings=model.stored,
        flops=0.0,
        seconds=time.monotonic() - started,
        device="cpu",
        losses=(),
    )
    write_result(folder, result)
    return result


def open_ngram(folder: Path, tokenizer_folder: Path, end_of_text: int) -> NgramScorer:
    """Return the model that `train_ngram` wrote into a folder, ready to score texts.

    Raises:
        RefinerError: The model or its tokenizer is missing or damaged.
    """
    return NgramScorer(NgramModel.load(folder), load_tokenizer(tokenizer_folder), end_of_text)


def ngram_after(
    tokens: int, settings: NgramSettings, stream: TokenStream, tokenizer_folder: Path, end_of_text: int
) -> NgramScorer:
    """Return the model as it was after the first tokens of its stream: a point of its learning curve.

    It is fitted anew, which takes a second per million tokens. Raises as `train_ngram`.
    """
    ids = stream.read(0, min(tokens, len(stream)))
    model = fit(ids, settings.order, settings.discount, vocabulary_size(tokenizer_folder))
    return NgramScorer(model, load_tokenizer(tokenizer_folder), end_of_text)


def vocabulary_size(tokenizer_folder: Path) -> int:
    """Return the number of token ids of a tokenizer, unused ones below the largest included.

    Raises:
        RefinerError: The folder has no readable tokenizer.json.
    """
    file = tokenizer_folder / TOKENIZER
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        own = content["model"]["vocab"]
        # Unigram models list pieces by id; the others map pieces to ids.
        largest = max(own.values()) if isinstance(own, dict) else len(own) - 1
        return max([largest, *(token["id"] for token in content["added_tokens"])]) + 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefinerError(f"{file} cannot be read: {error}. Save the tokenizer again.") from error


def _identity(settings: NgramSettings, ids: np.ndarray, tokenizer_folder: Path) -> str:
    inputs = {
        "format": FORMAT,
        "order": settings.order,
        "discount": settings.discount,
        "tokens": [ids.dtype.name, xxhash.xxh3_128_hexdigest(np.ascontiguousarray(ids).view(np.uint8).data)],
        "tokenizer": file_hash(tokenizer_folder / TOKENIZER),
    }
    return settings_fingerprint(inputs)
