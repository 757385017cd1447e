"""Labelled pages: reading, validation, splits."""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.training.data.pages import PagesError, read_labelled_pages, split_of
from prox_assets_tests.training.synthetic_pages import page, write_pages, write_rows


def test_pages_come_back_as_they_were_written(tmp_path):
    path = write_pages(tmp_path / "pages.parquet", 70)
    pages = list(read_labelled_pages(path))
    assert len(pages) == 70
    assert pages[3].text("text_full") == page(3)["text_full"]
    assert list(pages[3].labels("text_main")) == page(3)["keep_main"]
    assert not pages[3].is_silver


def test_a_page_without_gold_text_is_silver(tmp_path):
    write_rows(tmp_path / "pages.parquet", [{**page(0), "gold": "", "url": None}])
    [only] = read_labelled_pages(tmp_path / "pages.parquet")
    assert only.is_silver
    assert only.url == ""


def test_a_page_whose_labels_do_not_fit_its_lines_is_refused_by_name(tmp_path):
    write_rows(tmp_path / "pages.parquet", [{**page(7), "keep_full": [1]}])
    with pytest.raises(PagesError, match=r"page-7 has \d+ lines of text_full and 1 labels"):
        list(read_labelled_pages(tmp_path / "pages.parquet"))


def test_a_file_that_lacks_columns_is_refused_by_their_names(tmp_path):
    pq.write_table(pa.table({"page_id": ["a"]}), tmp_path / "pages.parquet")
    with pytest.raises(PagesError, match="lacks the columns dataset, gold"):
        list(read_labelled_pages(tmp_path / "pages.parquet"))


def test_a_sites_split_depends_on_its_name_alone_and_the_shares_are_as_said():
    counts = Counter(split_of(f"site{number}.example") for number in range(4000))
    assert split_of("site1.example") == split_of("site1.example")
    assert counts["validation"] / 4000 == pytest.approx(0.15, abs=0.02)
    assert counts["development"] / 4000 == pytest.approx(0.07, abs=0.015)
