"""How often the texts of pages are drawn."""

from prox_assets.training.data.page_annotations import chunk_annotations, document_annotations
from prox_assets.training.fit.scored_training import row_weights
from prox_assets_tests.training.synthetic_pages import labelled_page


def test_pages_without_gold_text_have_half_weight_whatever_is_known_of_their_type():
    pages = [
        labelled_page(page_id="gold"),
        labelled_page(page_id="gold, no type", page_type=None),
        labelled_page(page_id="silver", gold=""),
        labelled_page(page_id="silver, no type", gold="", page_type=None),
    ]
    rows = list(chunk_annotations(pages))
    weights = dict(zip((row["doc_id"].removeprefix("synthetic/") for row in rows), row_weights(rows), strict=True))
    assert [weights[f"{page.page_id}#text_full"] for page in pages] == [1.0, 1.0, 0.5, 0.5]
    assert [weights[f"{page.page_id}#text_main"] for page in pages] == [0.4, 0.4, 0.2, 0.2]
    assert weights["gold, no type#gold"] == 0.15


def test_synthetic_documents_and_those_that_a_model_annotated_have_full_weight():
    rows = list(document_annotations([labelled_page(site=f"site{number}.example") for number in range(9)], 0))
    synthetic = [row for row in rows if row["annotator"] == "made"]
    assert synthetic
    annotated = [{"doc_id": name, "page_type": None} for name in ("d1", "https://site.example/page#top")]
    assert set(row_weights([*synthetic, *annotated])) == {1.0}
