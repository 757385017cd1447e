"""What a published folder holds, and that the programs which read it do."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard
from pydantic import ValidationError

from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.about.card import card_metadata, size_category
from prox_assets.publishing.about.languages import language_codes
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.publish import publish
from prox_assets.publishing.rows import MetadataColumns, published_frame
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.publishing.published import (
    KEPT,
    PAGES,
    files_in,
    published,
    refined_lake,
    rows_in,
    rows_of,
    settings_of,
)


def card_of(made: Any) -> str:
    return (made.storage.read_bytes("README.md") or b"").decode()


def test_holds_the_kept_documents_and_counts_the_others(tmp_path: Path) -> None:
    _, made = published(tmp_path)
    texts = rows_of(made)["text"].to_list()
    assert sorted(texts) == sorted(
        [
            "the river is long and wide",
            "the hills of the north",
            "the hills of the south",
            "the trees of the park",
            "a page without an address",
        ]
    )
    [config] = made.manifest.configs
    assert (config.documents, config.dropped, config.outcomes()["quarantined"]) == (7, 1, 1)
    assert (config.published, config.rejected, config.withheld) == (KEPT, 1, 0)
    assert "| web | 7 | 2 | 3 | 1 | 0 | 1 | 0 | 0 | 5 |" in card_of(made)
    assert "-  Home" in card_of(made) or "- Home" in card_of(made)


def test_samples_show_no_personal_data_that_was_replaced(tmp_path: Path) -> None:
    pages = tuple(
        Page(f"Home\nwrite to ann{n}@rivers.org about the river", "remove_lines(0, 0)", url=f"https://{n}.example")
        for n in range(3)
    )
    lake = lake_at(tmp_path / "lake")
    policy = ExecutionPolicy(personal_data=("email",))
    refine_pages(lake, tmp_path / "raw", (*pages, PAGES[1]), policy=policy)
    made = publish(lake, settings_of())
    assert [sample.lines[0].text for sample in made.manifest.samples] == ["Home"]
    assert rows_of(made)["text"].str.contains("email@example.com").sum() == 3
    assert not [path for path, data in files_in(made).items() if b"@rivers.org" in data]


def test_the_hubs_library_reads_the_card(tmp_path: Path) -> None:
    _, made = published(
        tmp_path, licence="My own licence", licence_url="https://licence.example/", description="Pages."
    )
    card = DatasetCard(card_of(made))
    found = card.data.to_dict()
    assert (found["license"], found["license_name"]) == ("other", "my-own-licence")
    assert found["language"] == ["en"]
    assert found["size_categories"] == ["n<1K"]
    [info] = found["dataset_info"]
    assert info["splits"][0]["num_examples"] == KEPT
    assert {"name": "text", "dtype": "string"} in info["features"]
    assert [size_category(rows) for rows in (999, 1000, 10**12)] == ["n<1K", "1K<n<10K", "n>1T"]


@pytest.mark.local_lake
def test_datasets_loads_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    _, made = published(tmp_path, splits={"validation": 0.5}, rows_per_file=2)
    loaded = datasets.load_dataset(made.storage.root, "web", cache_dir=str(tmp_path / "cache"))
    sizes = {split: sum(file.rows for file in files) for split, files in made.manifest.splits("web").items()}
    assert {split: len(rows) for split, rows in loaded.items()} == sizes
    assert sum(sizes.values()) == KEPT


@pytest.mark.local_lake
def test_croissant_is_valid_and_yields_the_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import mlcroissant

    _, made = published(tmp_path, splits={"validation": 0.5}, responsible_ai={"biases": ["English only."]})
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=f"{made.storage.root}/croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.data_biases == ["English only."]
    records = list(dataset.records("web"))
    assert sorted(record["web/text"].decode() for record in records) == sorted(rows_of(made)["text"])
    assert {record["web/split"].decode() for record in records} == set(made.manifest.splits("web"))


def test_provenance_says_what_nobody_said_is_not_stated(tmp_path: Path) -> None:
    _, made = published(tmp_path)
    record = json.loads(made.storage.read_bytes("provenance.json") or b"")
    assert record["provenance"]["origin-geography"] == [{"country": "not stated"}]
    assert record["use"]["license"] == ["odc-by"]
    assert record["set"]["tracking"]["revision-history"][0]["summary"] == "First written."


def test_no_site_is_in_two_splits(tmp_path: Path) -> None:
    _, made = published(tmp_path, splits={"validation": 0.5})
    sites: dict[str, set[str]] = {}
    for split, files in made.manifest.splits("web").items():
        urls = [url or "" for file in files for url in rows_in(made, file.path)["url"]]
        sites[split] = {site for site in ("rivers", "hills", "trees") if any(site in url for url in urls)}
    assert set(sites) == {"train", "validation"}
    assert sites["train"] | sites["validation"] == {"rivers", "hills", "trees"}
    assert not sites["train"] & sites["validation"]


def test_the_same_lake_gives_the_same_bytes_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    lake, made = published(tmp_path, rows_per_file=2)
    before = files_in(made)
    data = sorted(path for path in before if path.endswith(".parquet"))
    assert [path.rpartition("/")[2] for path in data] == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    assert not publish(lake, settings_of(rows_per_file=2)).changed
    made.storage.remove("manifest.json")
    made.storage.remove(data[1])
    made.storage.write_bytes(data[2], before[data[2]][:-9])
    stamps = made.storage.list_stamps("data/web")
    assert publish(lake, settings_of(rows_per_file=2)).changed
    after = files_in(made)
    assert {path: after[path] for path in data} == {path: before[path] for path in data}
    kept = {name: stamp for name, stamp in made.storage.list_stamps("data/web").items() if data[0].endswith(name)}
    assert kept.items() <= stamps.items()
    whole = publish(lake, settings_of())
    assert sorted(path for path in files_in(whole) if path.endswith(".parquet")) == [
        "data/web/train-00000-of-00001.parquet"
    ]


def test_columns_of_the_source_have_one_type_each() -> None:
    import polars as pl

    rows = pl.DataFrame(
        {"doc_id": ["a", "b"], "metadata": ['{"n": 1, "m": true, "l": [1]}', '{"n": 2.5, "m": null, "l": "x"}']}
    )
    columns = MetadataColumns(["n", "m", "l", "none"])
    columns.look(rows)
    assert columns.dtypes == {"n": "float64", "m": "bool", "l": "string", "none": "string"}
    assert columns.empty == ["none"]
    found = published_frame(rows, ["doc_id"], columns.dtypes)
    assert found.rows() == [("a", 1.0, True, "[1]", None), ("b", 2.5, None, "x", None)]


def test_languages_are_those_that_were_measured() -> None:
    counts = {"english": 90, "cyrillic": 8, "german": 2}
    assert language_codes(counts, 0.05, None) == ["en"]
    assert language_codes(counts, 0.01, ("en", "ru")) == ["en", "ru"]
    with pytest.raises(PublishError, match="fr is not among"):
        language_codes(counts, 0.01, ("fr",))
    with pytest.raises(PublishError, match="ru is not among"):
        language_codes({"english": 9}, 0.01, ("ru",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sources": []}, "sources"),
        ({"sources": [{"name": "A crawl", "licence": "unknown"}]}, "names no licence"),
        ({"sources": [{"name": "A", "licence": "mit", "corpora": ["other"]}]}, "not among `corpora`"),
        ({"sources": [{"name": "A", "licence": "mit"}, {"name": "B", "licence": "odc-by"}]}, "must be named"),
        (
            {"corpora": ["a", "b"], "sources": [{"name": "A", "licence": "mit", "corpora": ["a"]}]},
            "none is named for b",
        ),
        ({"columns": ["text"]}, "must be among them"),
        ({"splits": {"train": 0.1}}, "train gets the sites"),
    ],
)
def test_refuses_settings(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings_of(**wrong)


def test_says_what_the_lake_lacks(tmp_path: Path) -> None:
    lake = refined_lake(tmp_path)
    with pytest.raises(PublishError, match=r"no corpus other; it has web"):
        publish(lake, settings_of(corpora=["other"]))
    with pytest.raises(PublishError, match="topic"):
        publish(lake, settings_of(metadata=["topic"]))
    with pytest.raises(PublishError, match="nothing to attach"):
        publish(lake, settings_of(proof="none"))


def test_yaml_of_the_card_is_plain(tmp_path: Path) -> None:
    _, made = published(tmp_path, pretty_name='A "title": with # signs')
    header = card_of(made).split("---\n")[1]
    assert yaml.safe_load(header) == card_metadata(made.manifest)
