"""The bundled sample corpus: some 130 synthetic documents that look like crawl text, in three shards and two formats.

`pages/` holds the text in a form that is easy to review; `build.py` builds the shards in `shards/` from it.
"""

from prox_assets.corpora.source import CorpusSource

SAMPLE_URL = "package://prox_assets/corpora/sample/shards/*"


def sample_source(name: str = "sample") -> CorpusSource:
    """Return the source for the installed shards; it works from any working directory.

    Args:
        name: Name of the corpus.
    """
    return CorpusSource(name=name, urls=[SAMPLE_URL], format="auto")
