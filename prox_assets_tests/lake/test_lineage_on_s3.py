"""Trace and replay of a lake in an object store: the same record, the same comparison."""

from pathlib import Path

import pytest

from prox_assets.catalog.lookup import FoundBy, find_documents, places_of_id
from prox_assets.catalog.trace.read import read_trace
from prox_assets.stages.execution.shard_replay import Replay, replay_shard
from prox_assets_tests.catalog.lives import TEXTS, all_fates, life_of, place_of


@pytest.mark.local_lake  # and an object store
def test_a_document_is_found_traced_and_replayed_as_in_a_folder(s3_lake, tmp_path):
    run = all_fates(tmp_path)
    root = Path(run.lake.url)
    for path in root.glob("web/*/*"):
        s3_lake.storage.write_bytes(str(path.relative_to(root)), path.read_bytes())

    place = place_of(run, "edited")
    assert places_of_id(s3_lake, place.doc_id) == [place]
    assert places_of_id(s3_lake, place.doc_id, shard=run.shard) == [place]
    assert [(hit.place, hit.found_by) for hit in find_documents(s3_lake, "The finish.")] == [
        (place, FoundBy.REFINED_TEXT)
    ]
    assert read_trace(s3_lake, place) == life_of(run, "edited")
    found = Replay()
    replay_shard(s3_lake, "web", run.shard, found)
    assert (found.documents, found.equal) == (len(TEXTS), len(TEXTS))
