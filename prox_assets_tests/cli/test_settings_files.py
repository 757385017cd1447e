"""`--settings`: each corpus of a lake is judged by the file that is about it, with every command that takes files."""

from pathlib import Path

import pytest
import yaml

from prox_assets.lake.lake import Lake
from prox_assets_tests.cli.command_line import PAGE, one_line, prox
from prox_assets_tests.monitoring.metric_lakes import metric_lake
from prox_assets_tests.monitoring.metric_rows import week, weeks
from prox_assets_tests.stages.shard_runs import write_pages

FINDING = 'prox_drift_findings{{corpus="{}",measure="no_op_programs",severity="error"}} 1.0'
QUIET = {"thresholds": {"no_op_programs": {"enabled": False}, "operations_per_document": {"enabled": False}}}


def write(path: Path, values: object) -> Path:
    path.write_text(yaml.safe_dump(values))
    return path


def defs(path: Path, **attributes: object) -> Path:
    return write(path, {"type": "prox_assets.RefinedCorpus", "attributes": attributes})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two corpora, which drift alike by the default settings."""
    folder = tmp_path_factory.mktemp("drifting")
    news, _ = (metric_lake(folder, [*weeks(20), week(20, no_op=0.7)], corpus) for corpus in ("news", "web"))
    return news


@pytest.mark.parametrize(
    ("files", "drifted"),
    [
        ([], {"news", "web"}),
        ([("web", QUIET)], {"news"}),
        ([("web", QUIET), ("news", {})], {"news"}),
        ([("web", QUIET), ("news", QUIET)], set()),
        ([(None, QUIET)], set()),
        ([(None, QUIET), ("web", {})], {"web"}),
    ],
)
def test_a_file_is_for_the_corpus_that_it_names(
    lake: Lake, tmp_path: Path, files: list[tuple[str | None, object]], drifted: set[str]
) -> None:
    arguments: list[str | Path] = []
    for corpus, monitoring in files:
        path = tmp_path / f"{corpus}.yaml"
        written = defs(path, corpus=corpus, monitoring=monitoring) if corpus else write(path, monitoring)
        arguments += ["--settings", written]
    metrics = prox("metrics", "--lake", lake.url, *arguments)
    assert {corpus for corpus in ("news", "web") if FINDING.format(corpus) in metrics} == drifted
    findings = prox("drift", "--lake", lake.url, *arguments, expected=1 if drifted else 0)
    assert findings.count("error no_op_programs") == len(drifted)


def test_a_corpus_that_no_file_is_about_is_judged_by_none(lake: Lake, tmp_path: Path) -> None:
    ours, bare = (
        defs(tmp_path / "defs.yaml", corpus="web", urls=["x"], monitoring=QUIET),
        write(tmp_path / "bare", QUIET),
    )
    for command in ("metrics", "report", "drift", "check", "shards"):
        said = one_line(prox(command, "--lake", lake.url, "--settings", ours, "--corpus", "news", expected=1))
        assert f"error: {ours} is about corpus web, --corpus says news" in said
    prox("drift", "--lake", lake.url, "--settings", ours, "--corpus", "web")
    prox("drift", "--lake", lake.url, "--settings", ours, "--settings", bare, "--corpus", "news")


def test_two_files_for_one_corpus_are_refused(lake: Lake, tmp_path: Path) -> None:
    files = [defs(tmp_path / name, corpus="web") for name in ("one", "two")]
    bare = [write(tmp_path / name, QUIET) for name in ("three", "four")]
    for (first, second), about in ((files, "corpus web"), (bare, "every corpus that no other file names")):
        said = prox("metrics", "--lake", lake.url, "--settings", first, "--settings", second, expected=1)
        assert f"{first} and {second} are both about {about}" in one_line(said)


def test_a_file_about_a_corpus_that_is_not_there_is_told(lake: Lake, tmp_path: Path) -> None:
    file = defs(tmp_path / "defs.yaml", corpus="moon", monitoring=QUIET)
    said = one_line(prox("metrics", "--lake", lake.url, "--settings", file))
    assert f"warning: {file} is about corpus moon, which the lake does not have" in said
    assert FINDING.format("web") in said


def test_names_come_from_the_environment_as_in_dagster(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = defs(tmp_path / "defs.yaml", corpus="{{ env.OUR_CORPUS }}", monitoring=QUIET, urls=["{{ env.SECRET }}"])
    monkeypatch.setenv("OUR_CORPUS", "news")
    metrics = prox("metrics", "--lake", lake.url, "--settings", file)
    assert FINDING.format("web") in metrics
    assert FINDING.format("news") not in metrics


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"alerts": {"dagster_url": "http://x"}}, "alerts.dagster_url has moved: write dagster_url outside alerts"),
        ({"dagster_url": "localhost:3000"}, "dagster_url: 'localhost:3000' is not an address that opens in a browser"),
        ({"monitoring": {"thresholds": {"retention": {"warn": "lots"}}}}, "monitoring.thresholds.retention.warn"),
        ({"dagster_url": "{{ nowhere.at_all }}"}, "'nowhere' not found in scope"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    lake: Lake, tmp_path: Path, attributes: dict[str, object], message: str
) -> None:
    file = defs(tmp_path / "defs.yaml", corpus="web", **attributes)
    for command in ("browse", "metrics"):
        said = one_line(prox(command, "--lake", lake.url, "--settings", file, expected=1))
        assert str(file) in said
        assert message in said


def test_an_address_of_dagster_that_no_browser_opens_is_refused(lake: Lake) -> None:
    said = one_line(prox("browse", "--lake", lake.url, "--dagster-url", "localhost:3000", expected=1))
    assert "error: --dagster-url: 'localhost:3000' is not an address that opens in a browser" in said


@pytest.fixture
def refined(tmp_path: Path) -> dict[str, Path]:
    """The defs.yaml of two corpora, whose policies have changed since they were refined into `lake`."""
    files: dict[str, Path] = {}
    for corpus in ("news", "web"):
        raw = write_pages(tmp_path / f"{corpus}.jsonl", [PAGE])
        attributes = {"corpus": corpus, "urls": [str(raw)]}
        prox("refine", "--settings", defs(tmp_path / f"{corpus}.yaml", **attributes), "--lake", tmp_path / "lake")
        files[corpus] = defs(tmp_path / f"{corpus}.yaml", **attributes, policy={"doc_keep_threshold": 0.1})
    return files


def test_shards_and_checks_judge_each_corpus_by_its_own_file(refined: dict[str, Path], tmp_path: Path) -> None:
    changed = "thresholds or executor have changed (1)"
    lake = ["--lake", tmp_path / "lake"]
    both = [argument for file in refined.values() for argument in ("--settings", file)]
    for command in ("shards", "check"):
        one = one_line(prox(command, *lake, "--settings", refined["web"]))
        assert "news" not in one.replace("news.yaml", "")
        assert one.count(changed) == 1
        assert one_line(prox(command, *lake, *both)).count(changed) == 2
        assert one_line(prox(command, *lake, *both, "--corpus", "news")).count(changed) == 1
        assert changed not in prox(command, *lake)
    assert f"corpus web: 1 shard, judged by {refined['web']}" in one_line(prox("shards", *lake, *both))


def test_a_report_is_written_with_the_settings_of_its_corpus(refined: dict[str, Path], tmp_path: Path) -> None:
    ours = defs(refined["web"], corpus="web", monitoring={"min_baseline_shards": 3})
    prox("report", "--lake", tmp_path / "lake", "--settings", ours)
    pages = {corpus: (tmp_path / "lake" / corpus / "report" / "index.html").read_text() for corpus in refined}
    assert {corpus for corpus, page in pages.items() if "a baseline needs 3 shards" in page} == {"web"}


def test_thresholds_alone_check_every_corpus_and_say_nothing_of_its_configuration(
    refined: dict[str, Path], tmp_path: Path
) -> None:
    lake, bare = ["--lake", tmp_path / "lake"], write(tmp_path / "bare.yaml", QUIET)
    checked = one_line(prox("check", *lake, "--settings", bare))
    assert "news: the tables of 1 of 1 executed shards add up" in checked
    assert "web: the tables of 1 of 1 executed shards add up" in checked
    assert "have changed" not in checked
    both = one_line(prox("check", *lake, "--settings", bare, "--settings", refined["web"]))
    assert "news: the tables" in both
    assert both.count("have changed") == 1
    assert f"{bare} names no corpus" in one_line(prox("shards", *lake, "--settings", bare, expected=1))
