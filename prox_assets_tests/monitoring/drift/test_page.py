"""docs/drift.md against the code."""

import re
from pathlib import Path

import yaml

from prox_assets.monitoring.drift.settings import DEFAULT_THRESHOLDS, KINDS, DriftSettings, Measure
from prox_assets.orchestration.checks.drift_checks import CHECKS

PAGE = (Path(__file__).parents[3] / "docs" / "drift.md").read_text()


def test_the_page_has_every_measure_with_its_default_thresholds() -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| ([\d.-]+) \| ([\d.-]+) \|", PAGE, flags=re.M)
    found = {
        name: (kind, *(None if limit == "-" else float(limit) for limit in limits)) for name, kind, *limits in rows
    }
    assert found == {
        measure.value: (KINDS[measure].value, DEFAULT_THRESHOLDS[measure].warn, DEFAULT_THRESHOLDS[measure].error)
        for measure in Measure
    }


def test_the_page_names_every_check() -> None:
    for name, _ in CHECKS.values():
        assert f"`{name}`" in PAGE


def test_the_settings_in_the_page_are_valid() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    settings = DriftSettings.model_validate(yaml.safe_load(block)["attributes"]["monitoring"])
    assert settings.threshold(Measure.NO_OP_PROGRAMS).warn == 0.05
