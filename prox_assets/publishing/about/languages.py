"""Which languages a data set is said to be in: those that were measured, as codes of the hub."""

from collections.abc import Mapping

from prox_assets.monitoring.metrics.languages import UNKNOWN
from prox_assets.publishing.errors import PublishError

# Signatures of monitoring/metrics/languages.py that stand for one language. Cyrillic, Arabic and Devanagari do not:
# several languages are written in each, and nothing here tells them apart.
CODES = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "polish": "pl",
    "turkish": "tr",
    "vietnamese": "vi",
    "greek": "el",
    "hebrew": "he",
    "thai": "th",
    "hangul": "ko",
    "kana": "ja",
    "han": "zh",
}


def language_codes(counts: Mapping[str, int], min_share: float, wanted: tuple[str, ...] | None) -> list[str]:
    """Return the codes of the languages to name, the most frequent first.

    Args:
        counts: Documents by signature, as `language_of` names them.
        min_share: Share of all documents from which on a language is named.
        wanted: Codes that the user names; None for all that are measured.

    Raises:
        PublishError: The user names a language that was not measured, and no document could be in it.
    """
    total = sum(counts.values())
    common = sorted((name for name in counts if counts[name] >= min_share * total), key=lambda name: -counts[name])
    measured = [CODES[name] for name in common if name in CODES]
    if wanted is None:
        return measured
    # Documents of a shared script, or of a Latin one without function words that are known, may be in a language that
    # cannot be measured.
    open_to_others = any(name not in CODES for name in counts)
    for code in wanted:
        if code not in measured and (code in CODES.values() or not open_to_others):
            shown = ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts, key=lambda name: -counts[name]))
            raise PublishError(
                f"languages: {code} is not among the languages of the text; documents by language are {shown}. Name "
                f"some of {', '.join(measured) or 'none'}, or lower min_language_share"
            )
    return list(wanted)


def untold(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the documents whose language cannot be told, by script or as unknown."""
    return {name: count for name, count in counts.items() if name not in CODES or name == UNKNOWN}
