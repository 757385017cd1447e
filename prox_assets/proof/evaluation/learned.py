"""Has a model learned anything? It has to predict better than a bigram model of the same arm.

A language model that was trained too briefly ranks arms by how fast it learns the frequencies of tokens, which says
nothing about the text (a pilot had the arms in the opposite order).
"""

import polars as pl

from prox_assets.proof.evaluation.bits import BITS_PER_BYTE, score_texts
from prox_assets.proof.evaluation.texts import GOLD, RAW
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel, ProofSettings
from prox_assets.proof.tokens.streams import stream_of, tokenizer_of, tokens_of
from prox_assets.training.data.tables import read_table

BIGRAM = 2


def has_learned(run: ModelRun, settings: ProofSettings, folder: ProofFolder, scores: pl.DataFrame) -> bool:
    """Tell whether a finished model beats a bigram model that was fitted to the same tokens.

    Both are compared on gold text, or on raw text where there is no gold.

    Args:
        run: The model.
        settings: The proof.
        folder: Its files.
        scores: The model's scores, as tables.SCORES.

    Returns:
        True without a comparison for n-gram models, which are counted at once, and for models that were pretrained.
    """
    from prox_assets.proof.ngram.training import ngram_after

    model = settings.model(run.model)
    if isinstance(model, NgramModel) or model.base is not None:
        return True
    finished = scores.filter((pl.col("measure") == BITS_PER_BYTE) & (pl.col("tokens") == pl.col("tokens").max()))
    name = GOLD if GOLD in finished["evaluation"] else RAW
    own = finished.filter(pl.col("evaluation") == name)
    stream = stream_of(settings, folder, run)
    bigram = NgramModel(kind="ngram", name="bigram", order=BIGRAM)
    end_of_text = tokens_of(settings, folder, run).end_of_text
    scorer = ngram_after(len(stream), bigram, stream, tokenizer_of(settings, folder, run), end_of_text)
    texts = list(read_table(folder.evaluation(name)))
    nats = sum(row["value"] for row in score_texts(scorer, name, texts, len(stream)))
    return float(own["value"].sum()) < nats
