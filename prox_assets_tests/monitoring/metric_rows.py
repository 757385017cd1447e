"""Rows of shard_metrics as weeks of a quiet corpus would have them, drawn at random from fixed rates."""

import random
from typing import Any

SHAPE = [2, 3, 5, 8, 12, 20, 25, 15, 7, 3]  # of a histogram of shares, over ten of its twenty bins


def week(number: int, documents: int = 400, seed: int = 0, **rates: float) -> dict[str, Any]:
    """Return one shard's row.

    Args:
        number: Of the week; the shard is named after it.
        documents: How many there are.
        seed: Of the draws.
        rates: Other than the usual: no_op, truncated, drop, shift (of the retention histogram, in bins), german.
    """
    rng = random.Random(f"{seed}/{number}")

    def count(rate: float, of: int) -> int:
        return sum(rng.random() < rate for _ in range(of))

    def histogram(shift: int) -> list[int]:
        bins = [0] * 20
        for drawn in rng.choices(range(10), SHAPE, k=documents):
            bins[min(19, drawn + 5 + shift)] += 1
        return bins

    german = count(rates.get("german", 0.1), documents)
    dropped = count(rates.get("drop", 0.15), documents)
    executed = documents - dropped
    shares = histogram(int(rates.get("shift", 0)))
    return {
        "corpus": "web",
        "shard": f"week-{number:02}",
        "documents_in": documents,
        "documents_out": executed,
        "dropped_by_document": dropped,
        "dropped_by_chunks": 0,
        "quarantined": 0,
        "rows_rejected": 0,
        "chunks": executed,
        "chunks_skipped": 0,
        "documents_outside_training": 0,
        "programs_failed": 0,
        "programs_truncated": count(rates.get("truncated", 0.003), executed),
        "programs_looping": 0,
        "programs_executed": executed,
        "programs_no_op": count(rates.get("no_op", 0.1), executed),
        "documents_executed": executed,
        "documents_over_deleted": 0,
        "keep_probability_histogram": histogram(0),
        "retention_histogram": shares,
        "removed_fraction_histogram": shares[::-1],
        "length_histogram": [0] * 9 + [documents // 2, documents - documents // 2] + [0] * 14,
        "operations_histogram": [0, documents] + [0] * 7,
        "documents_by_language": [
            {"language": "english", "count": documents - german},
            {"language": "german", "count": german},
        ],
        "repetition_documents": executed,
        "repetition_lines": 5 * executed,
        "repetition_expected": 0.5 * executed,
        "repetition_residual": 0.5 * executed,
        "doc_prompted": {
            "documents": documents,
            "tokens": 400 * documents,
            "characters": 1600 * documents,
            "residual": 1e5,
        },
        "chunk_prompted": None,
        "metadata_keys": ["language", "timestamp"],
        "doc_refiner": "d" * 32,
        "chunk_refiner": "c" * 32,
        "execution_fingerprint": "e" * 32,
    }


def weeks(count: int, **arguments: Any) -> list[dict[str, Any]]:
    return [week(number, **arguments) for number in range(count)]
