"""Every page over a real lake: what it shows, where it leads, and what it refuses."""

import re
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from prox_assets.browser import links
from prox_assets.browser.settings import Kept
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.write import write_report
from prox_assets.stages.settings import WatchedCorpora, WatchSettings
from prox_assets_tests.browser.lakes import ATTACK, CORPUS, SHARD, client_of, place_of_page, read_lake
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.lakes import lake_at, table_file


class Parsed(HTMLParser):
    """Tags, links and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "action", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    lake = read_lake(tmp_path_factory.mktemp("browsed"))
    write_report(lake, CORPUS)
    return lake


@pytest.fixture(scope="module")
def client(lake) -> TestClient:
    return client_of(lake, settings=WatchedCorpora(others=WatchSettings(dagster_url="http://dagster.example/")))


def parsed(client: TestClient, address: str, status: int = 200) -> Parsed:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return Parsed(answer.text)


def ids(client: TestClient, address: str) -> list[str]:
    return re.findall(r'class="opening" href="[^"]*/documents/([0-9a-f]{32})', client.get(address).text)


def test_every_link_of_every_page_leads_to_a_page(client):
    seen: set[str] = set()
    waiting = ["/"]
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 80:
            continue
        seen.add(address)
        page = client.get(address)
        posted = re.fullmatch(r".*/documents/[0-9a-f]{32}/judgements", address)
        assert page.status_code == (405 if posted else 200), address
        # Drawing a sample leads somewhere else every time; web_two has no report.
        followed = [link for link in Parsed(page.text).links if link.startswith("/") and "/sample" not in link]
        waiting += [link for link in followed if link != links.report("web_two")]
    for part in ("/corpora/web/shards/", "/documents/", "/compare/web,web_two/documents/", "/report", "/static/"):
        assert any(part in address for address in seen), part


def test_the_first_page_counts_each_corpus(client):
    client.app.state.browser.overview.of("", wait=None)
    text = " ".join(parsed(client, "/").text.split())
    assert "webrulesDocuments Read a sample Report 1 of 1 1080% kept" in text
    assert "web_two" in text


def test_the_first_page_shows_names_until_the_lake_is_read(lake):
    client = client_of(lake)
    assert isinstance(client.app, Starlette)
    client.app.state.browser.overview = Kept(lambda _: None)
    page = parsed(client, "/")
    assert "is being read" in page.text
    assert links.corpus(CORPUS) in page.links


def test_a_corpus_shows_its_shards_with_state_and_counts(client):
    text = " ".join(parsed(client, links.corpus(CORPUS)).text.split())
    assert f"{SHARD} done 10" in text
    assert re.search(r"Refined with [a-z][a-z, -]*\. Inference took less than 0.01 core-hours", text)
    nothing = parsed(client, f"{links.corpus(CORPUS)}?piece=nowhere").text
    assert "No shard has that in its name." in nothing


def test_a_shard_links_its_steps_and_runs_to_dagster(lake, client):
    page = parsed(client, links.shard(CORPUS, SHARD))
    assert f"http://dagster.example/assets/web/refined_shards?view=partitions&partition={SHARD}" in page.links
    assert "http://dagster.example/runs/run-1" in page.links
    assert not any("dagster" in link for link in parsed(client_of(lake), links.shard(CORPUS, SHARD)).links)


@pytest.mark.parametrize(
    ("filters", "begins"),
    [
        ({"outcome": "dropped_by_document"}, ["dropped"]),
        ({"outcome": "dropped_by_chunks"}, ["nothing left"]),
        ({"outcome": ("dropped_by_document", "dropped_by_chunks")}, ["nothing left", "dropped"]),
        ({"site": "www.Example.org", "edits": "yes"}, ["Home\nabout rivers", "Home\nabout hills", "nothing left"]),
        ({"site": "trees.example"}, ["Log in"]),
        ({"lowest": "0.7", "highest": "0.8"}, ["broken", "nothing left"]),
        ({"highest": 0.05}, ["dropped"]),
        ({"text": "ABOUT H"}, ["Home\nabout hills"]),
        ({"text": "trees.example"}, ["Log in"]),
        ({"text": "' OR 1=1 --"}, []),
        ({"shard": "two.jsonl"}, []),
        ({"drifted": "yes"}, []),
    ],
)
def test_filters_choose_documents(lake, client, filters, begins):
    wanted = [place_of_page(lake, text).doc_id for text in begins]
    assert ids(client, links.documents(CORPUS, filters)) == wanted


def test_filters_that_leave_everything_in(lake, client):
    everything = [row["doc_id"] for row in lake.rows(CORPUS, Table.DOCUMENTS, SHARD)]
    assert ids(client, links.documents(CORPUS)) == everything
    assert ids(client, links.documents(CORPUS, {"drifted": "no"})) == everything
    unedited = ids(client, links.documents(CORPUS, {"edits": "no"}))
    assert unedited == [doc for doc in everything if doc not in ids(client, links.documents(CORPUS, {"edits": "yes"}))]


@pytest.mark.parametrize(
    "query", ["lowest=high", "lowest=2", "edits=maybe", "outcome=gone", "after=a&row=x", "highest=nan"]
)
def test_a_filter_that_means_nothing_is_an_error(client, query):
    assert "asks for something that is not there" in parsed(client, f"{links.documents(CORPUS)}?{query}", 400).text


@pytest.mark.parametrize("view", ["changes", "side by side", "refined", "raw"])
def test_a_document_can_be_read_in_every_view(lake, client, view):
    place = place_of_page(lake, "Home\nabout rivers")
    page = client.get(links.with_query(links.document(CORPUS, place.doc_id), {"view": view})).text
    assert ("<del>" in page) == (view in ("changes", "side by side"))
    assert "about" in page
    assert "http://dagster.example/runs/run-1" in Parsed(page).links
    assert 'normalize(source_str=" rivers", target_str="")' in Parsed(page).text


def test_a_document_that_was_not_kept_is_shown_raw(lake, client):
    place = place_of_page(lake, "dropped")
    for view in ("changes", "refined", "raw"):
        page = client.get(links.with_query(links.document(CORPUS, place.doc_id), {"view": view})).text
        assert "Rightly dropped" in page
        assert '<div class="line" dir="auto">dropped</div>' in page


def test_hostile_text_is_shown_and_nothing_else(lake, client):
    place = place_of_page(lake, ATTACK[:20])
    addresses = [
        links.documents(CORPUS),
        links.side_by_side((CORPUS, "web_two"), place.doc_id),
        links.comparison(CORPUS, "web_two"),
        links.documents(CORPUS, {"text": "<script>alert(1)</script>", "site": '"><script>'}),
        *(links.with_query(links.document(CORPUS, place.doc_id), {"view": v}) for v in ("changes", "refined", "raw")),
    ]
    for address in addresses:
        source = client.get(address).text
        page = Parsed(source)
        assert page.tags.count("script") == 1
        assert "/static/keys.js" in page.links
        assert not set(page.tags) & {"img", "style", "iframe", "object", "embed", "base"}
        assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
        assert not any(link.startswith("javascript:") for link in page.links)
        assert not {c for c in source if not c.isprintable() and c != "\n"}
        if "/documents/" in address:
            assert "<script>document.title = 'owned'</script>" in page.text


def test_two_refiners_stand_side_by_side(lake, client):
    place = place_of_page(lake, "Log in")
    listed = ids(client, links.comparison(CORPUS, "web_two"))
    assert place.doc_id in listed
    assert place_of_page(lake, "keep me").doc_id not in listed
    only = ids(client, links.comparison(CORPUS, "web_two", {"only": "one-keeps"}))
    assert place_of_page(lake, "dropped").doc_id in only
    assert place.doc_id not in only
    source = client.get(links.side_by_side((CORPUS, "web_two"), place.doc_id)).text
    removed = '<b class="sign removed" title="web: removed" aria-label="web: removed">−</b><b class="sign"></b>'
    assert source.count(removed) == 2
    assert re.search(re.escape(removed) + r'</span><div class="texts"><div class="line" dir="auto">Home</div>', source)
    assert client.get(links.side_by_side((CORPUS, CORPUS), place.doc_id)).status_code == 404
    assert "no corpora nothing" in client.get(links.side_by_side((CORPUS, "nothing"), place.doc_id)).text


def test_corpora_without_a_difference_say_why(tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", PAGES[:2])
    refine_pages(lake, tmp_path / "raw", PAGES[:2], corpus="web_same")
    refine_pages(lake, tmp_path / "elsewhere", (Page("of another file"),), corpus="other")
    refine_pages(lake, tmp_path / "raw", PAGES[:2], corpus="web_new")
    lake.storage.remove(lake.manifest_path("web_new", SHARD))
    client = client_of(lake)
    for second, said in (
        ("web_same", "They do not differ on any document that both have refined."),
        ("other", "They have no document in common"),
        ("web_new", "web_new is not refined yet."),
    ):
        assert said in parsed(client, links.comparison(CORPUS, second)).text
    led = parsed(client, links.corpus(CORPUS)).links
    assert links.comparison(CORPUS, "web_same") in led
    assert links.comparison(CORPUS, "web_new") in led
    assert links.comparison(CORPUS, "other") not in led, "of other files"


def test_a_document_that_one_drops_shows_what_the_other_removes(lake, client):
    place = place_of_page(lake, "dropped", "web_two")
    source = client.get(links.side_by_side(("web_two", CORPUS), place.doc_id)).text
    assert '<b class="sign"></b><b class="sign dropped" title="web: dropped" aria-label="web: dropped">×</b>' in source
    assert "dropped by document" in source


def test_a_sample_is_drawn_once_and_read_in_order(lake, client):
    first = client.get(links.new_sample(CORPUS), follow_redirects=False)
    assert first.status_code == 303
    address = first.headers["location"]
    read: list[str] = []
    while address:
        page = client.get(address).text
        assert client.get(address).text == page
        read += re.findall(r"<title>Document ([0-9a-f]{32})", page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert len(read) == len(set(read))
    assert set(read) <= {row["doc_id"] for row in lake.rows(CORPUS, Table.DOCUMENTS, SHARD)}
    assert len(read) == 10
    dropped = client.get(links.new_sample(CORPUS, {"outcome": "dropped_by_document"}))
    assert place_of_page(lake, "dropped").doc_id in dropped.text
    assert "1 of 1" in dropped.text
    assert parsed(client, links.new_sample(CORPUS, {"site": "nowhere.example"}), 404)


def test_the_report_is_shown_as_written_and_may_run_nothing(lake, client):
    answer = client.get(links.report(CORPUS))
    assert answer.content == lake.storage.read_bytes(f"{CORPUS}/report/index.html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "has no report yet" in parsed(client, links.report("web_two"), 404).text


@pytest.mark.parametrize(
    "path",
    [
        "/corpora/nothing",
        "/corpora/%2e%2e",
        "/corpora/%2e%2e%2f%2e%2e%2fetc",
        "/corpora/_tmp",
        "/corpora/web/shards/nothing.jsonl",
        "/corpora/web/documents/00000000000000000000000000000000",
        "/static/browser.css",
        "/static/../settings.py",
    ],
)
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_no_path_leaves_the_lake(lake, client):
    for shard in ("../../../etc/passwd", "..%2f..%2fsecret", "a%00b", "_resume", "%5c..%5c"):
        answer = client.get(f"/corpora/web/shards/{shard}")
        assert answer.status_code in (404, 500)
        assert "root:" not in answer.text
        assert ids(client, links.documents(CORPUS, {"shard": shard})) == []


def test_prometheus_gets_the_lake_s_metrics(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'prox_documents{corpus="web",outcome="dropped_by_document"} 1.0' in answer.text


def test_every_answer_forbids_what_a_document_could_want(client):
    for path in ("/", links.documents(CORPUS), "/nothing", "/static/keys.js"):
        said = client.get(path).headers
        assert said["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in said["content-security-policy"]
        assert said["x-content-type-options"] == "nosniff"
        assert said["x-frame-options"] == "DENY"
        assert said["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:3001"])
def test_a_foreign_name_for_this_machine_is_refused(client, host):
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3001", "[::1]:3001", "LOCALHOST:80"])
def test_names_of_this_machine_are_its_own(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.local_lake
def test_a_damaged_file_is_named_and_other_pages_stay(tmp_path):
    lake = read_lake(tmp_path)
    client = client_of(lake)
    file = table_file(lake, CORPUS, Table.OUTCOMES, SHARD)
    file.write_bytes(file.read_bytes()[:-100])
    assert f"{file} is damaged" in parsed(client, links.documents(CORPUS), 500).text
    assert "damaged" in parsed(client, links.corpus(CORPUS)).text
    assert len(ids(client, links.documents("web_two"))) == 10


def test_a_shard_that_nothing_has_executed_is_listed(tmp_path):
    lake = read_lake(tmp_path)
    lake.storage.remove(lake.manifest_path(CORPUS, SHARD))
    client = client_of(lake)
    assert len(ids(client, links.documents(CORPUS))) == 10
    assert ids(client, links.documents(CORPUS, {"outcome": "kept_edited"})) == []
    place = place_of_page(lake, "Log in")
    page = parsed(client, links.document(CORPUS, place.doc_id))
    assert "not refined yet" in page.text
    assert "form" not in page.tags


def test_an_empty_lake_says_how_to_fill_it(tmp_path):
    assert "prox refine" in parsed(client_of(Lake(str(tmp_path / "nothing"))), "/").text
