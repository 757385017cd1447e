"""The catalog as an asset: it compacts a corpus's small tables, and says what they add up to."""

from collections.abc import Callable

from prox_assets.catalog.compaction import Compacted, coverage
from prox_assets_tests.orchestration.assets.test_refinement_report import CHUNK_ONLY, metadata
from prox_assets_tests.orchestration.conftest import CORPUS, Town
from prox_assets_tests.orchestration.test_assets import ALL, write_pages


def test_it_covers_every_shard_and_shows_the_totals(make_town: Callable[..., Town]) -> None:
    town = make_town(refiners=CHUNK_ONLY)
    for name in ("a", "b"):
        write_pages(town.folder / f"{name}.json.gz")
    assert all(town.run(*ALL, shard=shard).success for shard in town.discover())

    done = town.run("catalog")

    assert done.success
    shown = metadata(done, "catalog")
    assert (shown["shards"], shown["documents_in"], shown["shards_changed"]) == (2, 10, 2)
    for what in Compacted:
        assert coverage(town.lake, CORPUS, what).is_current


def test_it_is_made_before_anything_was_measured(make_town: Callable[..., Town]) -> None:
    done = make_town().run("catalog")
    assert done.success
    assert metadata(done, "catalog")["shards_changed"] == 0
