"""The maths sample: its files are built from its pages, and it is read as OpenWebMath."""

import pyarrow.parquet as pq

from prox_assets.corpora.formats import detect_format
from prox_assets.corpora.sample.maths.build import GOLD, SHARD, build, gold_lines, maths_pages


def test_the_files_are_those_of_the_pages(tmp_path):
    assert pq.read_table(build(tmp_path / "built.parquet")).equals(pq.read_table(SHARD))
    assert GOLD.read_text(encoding="utf-8").splitlines() == gold_lines()


def test_it_has_the_columns_of_openwebmath_and_pages_to_keep_and_to_drop():
    assert detect_format(pq.read_schema(SHARD).names) == "openwebmath"
    pages = maths_pages()
    assert len({page.url for page in pages}) == len(pages) == 46
    assert sum(page.is_worthless for page in pages) == 10
    assert {label for page in pages for label in page.labels} == {"formula", "prose", "noise"}
