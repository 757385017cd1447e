"""The bundled sample corpus: some 130 invented documents that look like crawl text, in three shards and two formats.

`pages/` holds the text as it was written, readable in review; `build.py` makes the shards in `shards/` from it.
"""

from prox_assets.corpora.source import CorpusSource

SAMPLE_URL = "package://prox_assets/corpora/sample/shards/*"


def sample_source(name: str = "sample") -> CorpusSource:
    """Return the corpus of the installed shards; it works from any working directory.

    Args:
        name: Name of the corpus.
    """
    return CorpusSource(name=name, urls=[SAMPLE_URL], format="auto")
