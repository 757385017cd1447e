"""`browser_url`: every materialization and asset of a corpus links to pages that open."""

from collections.abc import Callable

import dagster as dg
import pytest

from prox_assets_tests.browser.lakes import SERVER, client_of
from prox_assets_tests.orchestration.assets.test_refinement_report import CHUNK_ONLY, REPORT, metadata
from prox_assets_tests.orchestration.conftest import CORPUS, Town
from prox_assets_tests.orchestration.test_assets import ALL, write_pages


def test_links_of_materializations_and_assets_open_as_pages(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY, browser_url=f"{SERVER}/")
    write_pages(town.folder / "a.json.gz")
    [shard] = town.discover()
    run = town.run(*ALL, shard=shard)
    report = town.run(REPORT)
    shown = {asset: metadata(run, asset) for asset in ALL} | {REPORT: metadata(report, REPORT)}
    client = client_of(town.lake)
    for asset, values in shown.items():
        pages = [value for value in values.values() if isinstance(value, str) and value.startswith(SERVER)]
        assert f"{SERVER}/corpora/{CORPUS}/report" in pages
        assert (f"{SERVER}/corpora/{CORPUS}/shards/{shard}" in pages) == (asset in ALL)
        assert (f"{SERVER}/corpora/{CORPUS}/documents?shard={shard}" in pages) == (asset in ALL)
        for page in pages:
            assert client.get(page).status_code == 200, page
    for key, spec in ((spec.key, spec) for spec in town.definitions.resolve_all_asset_specs()):
        if key.path[-1] in (*ALL, REPORT):
            linked = spec.metadata["documents_page"]
            assert isinstance(linked, dg.UrlMetadataValue)
            assert client.get(linked.url or "").status_code == 200


def test_without_it_they_name_files_as_before(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY)
    specs = town.definitions.resolve_all_asset_specs()
    assert not any(isinstance(value, dg.UrlMetadataValue) for spec in specs for value in spec.metadata.values())


@pytest.mark.parametrize("address", ["localhost:3001", "javascript:alert(1)", "ftp://x"])
def test_an_address_that_no_browser_opens_is_refused(make_town: Callable[..., Town], address: str) -> None:
    with pytest.raises(ValueError, match="browser_url"):
        make_town(browser_url=address)
