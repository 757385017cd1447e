"""The page of a comparison, in the lake and in `prox browse`, and the documents side by side that it leads to."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from prox_assets.browser import links
from prox_assets.cli.views.comparison import print_comparison
from prox_assets.comparison.contents import Comparison
from prox_assets.comparison.page import render, short_names
from prox_assets.comparison.write import read_comparison, write_comparison
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import COMPARISONS, NUMBERS, comparison_path, comparisons
from prox_assets.lake.schemas import Table
from prox_assets.stages.withdrawal.beside_tables import remove_beside_tables
from prox_assets_tests.browser.lakes import ATTACK, client_of
from prox_assets_tests.browser.test_pages import Parsed
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.comparison.lakes import CORPORA, SHARD, TEXTS, compared, three_refiners
from prox_assets_tests.lakes import LakeFile, lake_at
from prox_assets_tests.stages.shard_runs import with_floor


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = three_refiners(tmp_path_factory.mktemp("compared"))
    write_comparison(lake, compared(lake))
    return lake


@pytest.fixture(scope="module")
def client(lake: Lake) -> TestClient:
    return client_of(lake)


def doc_id(lake: Lake, place: int, corpus: str = CORPORA[0]) -> str:
    return [row["doc_id"] for row in lake.rows(corpus, Table.DOCUMENTS, SHARD)][place]


def test_what_is_written_is_read_back_and_listed(lake: Lake) -> None:
    assert comparisons(lake) == ["web"]
    found = read_comparison(lake, "web")
    assert isinstance(found, Comparison)
    assert found.corpora == CORPORA
    assert read_comparison(lake, "nothing") is None
    assert lake.corpora() == sorted(CORPORA)


def test_the_page_has_every_refiner_and_pair_and_needs_nothing_else(lake: Lake) -> None:
    page = Parsed(LakeFile(lake, comparison_path("web")).read_bytes().decode())
    assert not set(page.tags) & {"script", "img", "link", "iframe"}
    assert [link for link in page.links if not link.startswith("#")] == [], "nothing is known to serve documents"
    for name in ("one", "two", "three", "1 refused", "1 quarantined", "lines differ"):
        assert name in page.text
    assert page.text.count("kappa") >= 3


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    for corpus, program in (("web_one", "remove_lines(1, 2)"), ("web_two", "keep_chunk()")):
        refine_pages(lake, tmp_path / "raw", (Page(ATTACK, program), Page("calm")), corpus=corpus)
    source = render(compared(lake, "web_one", "web_two"))
    assert not set(Parsed(source).tags) & {"script", "img"}
    assert "<script>document.title = 'owned'</script>" in Parsed(source).text
    assert not {c for c in source if not c.isprintable() and c != "\n"}


def test_the_browser_leads_from_the_page_to_documents_side_by_side(lake: Lake, client: TestClient) -> None:
    assert links.refiners("web") in Parsed(client.get("/").text).links
    answer = client.get(links.refiners("web"))
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]
    led = [link for link in Parsed(answer.text).links if link.startswith("/compare/")]
    assert len(led) == 4
    assert {"/", *map(links.corpus, CORPORA)} <= set(Parsed(answer.text).links)
    for address in led:
        back = Parsed(client.get(address).text).links
        assert links.refiners("web") in back
    assert links.comparison(*CORPORA[:2]) in client.get(links.side_by_side(CORPORA[:2], doc_id(lake, 0))).text
    assert client.get(links.refiners("nothing")).status_code == 404


def row_of(source: str, line: str) -> str:
    """Return the signs before a line of the raw text."""
    rows = re.findall(r'<div class="row.*?</div></div>', source, re.S)
    [found] = [row for row in rows if f'dir="auto">{line}</div>' in row]
    return re.sub(r"<[^>]+>", "|", found.partition('<div class="texts">')[0])


def test_a_column_for_each_refiner_says_what_it_did_to_each_line(lake: Lake, client: TestClient) -> None:
    source = client.get(links.side_by_side(CORPORA, doc_id(lake, 0))).text
    assert re.findall("[−±+×?]", row_of(source, "menu")) == ["−", "−", "−"]
    assert re.findall("[−±+×?]", row_of(source, "about rivers")) == ["±"]
    assert re.findall("[−±+×?]", row_of(source, "footer")) == ["−", "+"]
    shown = re.sub(r"\s+", " ", Parsed(source).text)
    assert "3 ±about riversstreams" in shown, "what the third put in the place of a string"
    assert "3 +an added line" in shown
    assert "<del>rivers</del><ins>streams</ins>" in source


def test_a_document_that_some_drop_or_fail_on_is_shown_whole(lake: Lake, client: TestClient) -> None:
    source = client.get(links.side_by_side(CORPORA, doc_id(lake, 3))).text
    assert re.findall("[−±+×?]", row_of(source, "spam one")) == ["×", "×"]
    assert "dropped by document" in source
    assert "dropped by chunks" in source
    assert TEXTS[3].split("\n")[1] in source
    failed = client.get(links.side_by_side(CORPORA, doc_id(lake, 4))).text
    assert "quarantined" in failed
    assert re.findall("[−±+×?]", row_of(failed, "last page")) == ["×"]


def test_a_recorded_rewrite_is_counted_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = lake_at(tmp_path / "lake")
    text = "menu\nabout <b>hills\nfooter"
    written = "<rewrite>\n<extract>\nrm 1\n<rewrite>\nA new sentence <about> hills.\nAnd one more."
    refine_pages(lake, tmp_path / "raw", (Page(text),), corpus="web_one")
    refiners = with_floor(0.5, "rescraper")
    refine_pages(lake, tmp_path / "raw", (Page(text, written),), corpus="web_two", refiners=refiners)
    found = compared(lake, "web_one", "web_two")
    assert [refiner.rewrites_recorded for refiner in found.refiners] == [0, 1]
    assert "1 rewrite recorded, not executed" in Parsed(render(found)).text
    print_comparison(found)
    assert "executed" in capsys.readouterr().out
    shown = client_of(lake).get(links.side_by_side(("web_one", "web_two"), doc_id(lake, 0, "web_one"))).text
    assert "rewrite recorded, not executed: lines 1 to 3" in Parsed(shown).text
    assert '<div class="line" dir="auto">A new sentence &lt;about&gt; hills.</div>' in shown


def test_a_refiner_without_the_document_has_a_column_that_says_so(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", (Page("first"), Page("second")), corpus="web_one")
    refine_pages(lake, tmp_path / "raw", (Page("another first"),), corpus="web_two")
    client = client_of(lake)
    changed = client.get(links.side_by_side(("web_one", "web_two"), doc_id(lake, 0))).text
    assert "has another raw text there" in changed
    assert re.findall("[−±+×?]", row_of(changed, "first")) == ["?"]
    missing = client.get(links.side_by_side(("web_one", "web_two"), doc_id(lake, 1))).text
    assert "has no document from row 1 of one.jsonl" in missing


def test_a_withdrawal_from_one_corpus_takes_its_comparisons_away(tmp_path: Path) -> None:
    lake = three_refiners(tmp_path)
    write_comparison(lake, compared(lake))
    write_comparison(lake, compared(lake, *CORPORA[:2], name="pair"))
    write_comparison(lake, compared(lake, *CORPORA[:2], name="torn"))
    LakeFile(lake, comparison_path("torn", NUMBERS)).write_bytes(b"{torn")
    with pytest.raises(LakeError, match="prox compare torn"):
        read_comparison(lake, "torn")
    assert remove_beside_tables(lake, CORPORA[2], ["0" * 32]) == ["torn", "web"]
    assert comparisons(lake) == ["pair"], "what a torn one shows is not known"
    assert lake.storage.list_folders(COMPARISONS) == ["pair"]


def test_an_earlier_page_never_stays_beside_new_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = three_refiners(tmp_path)
    write_comparison(lake, compared(lake))
    write_bytes = lake.storage.write_bytes

    def numbers_only(relative: str, data: bytes) -> None:
        if relative == comparison_path("web"):
            raise KeyboardInterrupt
        write_bytes(relative, data)

    monkeypatch.setattr(lake.storage, "write_bytes", numbers_only)
    with pytest.raises(KeyboardInterrupt):
        write_comparison(lake, compared(lake, *CORPORA[:2]))
    found = read_comparison(lake, "web")
    assert found is not None
    assert found.corpora == CORPORA[:2]
    assert comparisons(lake) == []


def test_short_names_leave_out_what_all_share() -> None:
    assert short_names(["real_rules", "real_lines_b"]) == {"real_rules": "rules", "real_lines_b": "lines_b"}
    assert short_names(["web", "web_two"]) == {"web": "web", "web_two": "web_two"}
