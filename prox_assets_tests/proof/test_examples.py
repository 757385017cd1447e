"""The settings files of docs/proof.md are valid, and name what they compare."""

import re
from pathlib import Path

import pytest
import yaml

from prox_assets import proof
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.statistics.contrasts import primary_pairs

EXAMPLES = Path(proof.__file__).parent / "examples"
PAGE = (Path(__file__).parents[2] / "docs" / "proof.md").read_text()


def settings_of(name: str) -> ProofSettings:
    return valid((EXAMPLES / f"{name}.yaml").read_text())


def valid(text: str) -> ProofSettings:
    document = yaml.safe_load(text)
    assert document["type"] == "prox_assets.RefinementProof"
    ours = set(ProofSettings.model_fields)
    return ProofSettings.model_validate({key: value for key, value in document["attributes"].items() if key in ours})


@pytest.mark.parametrize("name", ["two_cores", "one_gpu", "cluster"])
def test_an_example_is_valid_and_every_size_has_the_control_that_counts(name):
    settings = settings_of(name)
    pairs = _pairs(settings)
    for model in settings.models:
        assert any(of == model.name and against.endswith("_random_lines") for of, (_, against) in pairs)
    assert f"(../prox_assets/proof/examples/{name}.yaml)" in PAGE


def test_the_maths_example_trains_a_base_further_beside_the_control_that_counts():
    settings = settings_of("maths")
    model = settings.model("smollm2")
    assert (model.kind, getattr(model, "base", None)) == ("llama", "smollm2-135m")
    assert ("refined", "refined_random_lines") in {(arm, against) for _, (arm, against) in _pairs(settings)}


def _pairs(settings: ProofSettings) -> set[tuple[str, tuple[str, str]]]:
    return {(key[0], pair) for key, pairs in primary_pairs(settings).items() for pair in pairs}


def test_the_settings_on_the_page_are_valid():
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    assert valid(block).arm("refined_random_lines").kind == "random_lines"


def test_labelled_pages_are_compared_by_eight_arms_and_by_the_oracle():
    settings = settings_of("two_cores")
    assert len(settings.arms) >= 8
    assert settings.model("4gram").seeds == 5
    assert ("oracle", "oracle_random_lines") in {(c.arm, c.against) for c in settings.primary}
