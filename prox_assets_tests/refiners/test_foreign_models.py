"""Models from strangers: safetensors only, no code of theirs is run, and the fingerprint pins what was loaded."""

import ast
import json
import pickle
import shutil
from pathlib import Path

import pytest

import prox_assets
from prox_assets.engines.config import TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import EngineStartError
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import WEIGHT_PATTERNS
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.model.tokenization import load_tokenizer

PACKAGE = Path(prox_assets.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if PACKAGE / "testing" not in path.parents)
# Loaders that unpickle, or run what they are given.
FORBIDDEN_CALLS = {"pickle.load", "pickle.loads", "torch.load", "joblib.load", "dill.load", "eval", "exec", "yaml.load"}


class Payload:
    """Unpickling it makes the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def foreign(tiny_folder, tmp_path) -> Path:
    """A copy of a good checkpoint, to be spoilt."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "foreign"))


def with_code(folder: Path, marker: Path, **config: object) -> Path:
    """Let a checkpoint say that its classes are in Python files beside it, as hub models with their own code do."""
    code = (
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\nfrom transformers import LlamaForCausalLM as Model\n"
    )
    code += "from transformers import LlamaConfig as Config, PreTrainedTokenizerFast as Tokenizer\n"
    (folder / "modeling.py").write_text(code)
    model = {"AutoConfig": "modeling.Config", "AutoModelForCausalLM": "modeling.Model"}
    for name, changes in (
        ("config.json", {"auto_map": model, **config}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, "modeling.Tokenizer"]}}),
    ):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **changes}))
    return folder


def test_a_folder_with_pickled_weights_alone_is_refused_by_their_name_and_not_unpickled(foreign, tmp_path):
    for file in foreign.glob("*.safetensors"):
        file.unlink()
    (foreign / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    with pytest.raises(RefinerError, match=r"only pickled weights \(pytorch_model\.bin\)"):
        find_model(str(foreign))
    with pytest.raises(EngineStartError, match="safetensors"):
        open_engine(TransformersEngineConfig(device="cpu"), str(foreign))
    assert not (tmp_path / "marker").exists()
    pickle.loads((foreign / "pytorch_model.bin").read_bytes())  # noqa: S301 - shows that the payload works
    assert (tmp_path / "marker").exists()


def test_pickled_weights_beside_safetensors_are_not_looked_at(foreign, tmp_path):
    before = find_model(str(foreign))
    (foreign / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "marker")))
    assert find_model(str(foreign)) == before
    with open_engine(TransformersEngineConfig(device="cpu"), str(foreign)):
        pass
    assert not (tmp_path / "marker").exists()


def test_code_beside_a_model_is_not_run_where_the_library_knows_the_model(foreign, tmp_path):
    with_code(foreign, tmp_path / "marker")
    with open_engine(TransformersEngineConfig(device="cpu"), str(foreign)):
        pass
    load_tokenizer(foreign)
    assert not (tmp_path / "marker").exists()


def test_a_model_that_needs_code_of_its_own_is_refused(foreign, tmp_path):
    with_code(foreign, tmp_path / "marker", model_type="of_my_own")
    with pytest.raises(EngineStartError, match=r"trust_remote_code|custom code|of_my_own"):
        open_engine(TransformersEngineConfig(device="cpu"), str(foreign))
    assert not (tmp_path / "marker").exists()


def test_a_tokenizer_that_needs_code_of_its_own_is_refused(foreign, tmp_path):
    with_code(foreign, tmp_path / "marker")
    (foreign / "tokenizer.json").unlink()
    with pytest.raises(RefinerError, match="tokenizer"):
        load_tokenizer(foreign)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "name",
    ["trust_remote_code", "load_format", "code_revision", "model", "tokenizer", "revision", "tokenizer_revision"],
)
def test_no_setting_of_vllm_leads_to_other_code_or_weights_than_the_fingerprint_says(name, tiny_folder):
    with pytest.raises(EngineStartError, match=f"{name} cannot be set"):
        open_engine(VllmEngineConfig(extra={name: "x"}), str(tiny_folder))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_another_revision_of_a_model_is_another_fingerprint(foreign, name):
    config = RefinerConfig(name="a", level="chunk", model=str(foreign))
    before = config.fingerprint(find_model(str(foreign)))
    data = (foreign / name).read_bytes()
    (foreign / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert config.fingerprint(find_model(str(foreign))) != before


def test_only_safetensors_are_ever_fetched():
    assert WEIGHT_PATTERNS == ("*.safetensors",)


def _calls(path: Path) -> list[tuple[int, str, dict[str, ast.expr]]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (node.lineno, ast.unparse(node.func), {keyword.arg or "**": keyword.value for keyword in node.keywords})
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]


def test_no_code_of_the_package_trusts_remote_code_or_unpickles():
    loaders = 0
    for path in SOURCES:
        for line, name, keywords in _calls(path):
            place = f"{path.name}:{line}"
            assert name not in FORBIDDEN_CALLS, place
            if name.endswith(".from_pretrained"):
                loaders += 1
                # Left out, transformers asks on a terminal, and waits.
                assert ast.unparse(keywords["trust_remote_code"]) == "False", place
                if "Model" in name:
                    assert ast.unparse(keywords["use_safetensors"]) == "True", place
            elif "trust_remote_code" in keywords:
                assert ast.unparse(keywords["trust_remote_code"]) == "False", place
    assert loaders >= 8
