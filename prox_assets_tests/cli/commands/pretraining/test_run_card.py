"""`prox run-card`: what is written beside the token files, and what it refuses."""

from prox_assets.tokens.folder import folder_of
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.tokens.token_lakes import lake_of, llama_like, pages, settings_of


def test_a_card_lies_beside_the_token_files_and_what_does_not_fit_is_refused(tmp_path):
    lake = lake_of(tmp_path, pages())
    settings = settings_of(llama_like(tmp_path / "tokenizer"), formats=["megatron"])
    small = ["--recipe", "1m", "--devices", "1", "--context", "32", "--batch-tokens", "64"]
    write_tokens(lake, settings)
    place = ["x", "--lake", lake.url]
    assert "has no manifest.json" in prox("run-card", *place, *small, expected=1)
    write_manifest(lake, settings)

    shown = prox("run-card", *place, *small, "--epochs", "3")
    assert "2.92 epochs of 548" in shown  # whole steps of 64 tokens
    assert "nothing for litgpt: it reads litgpt, which was not written" in shown
    folder = folder_of(lake, settings)
    assert folder.list_files("run_cards/1m") == ["README.md", "card.json", "megatron.sh", "megatron_data.json"]
    by_folder = prox("run-card", folder.url, *small, "--name", "again")
    assert "written: " in by_folder
    assert folder.exists("run_cards/again/card.json")

    assert "there is no 'gpt_9'" in prox("run-card", *place, "--recipe", "gpt_9", expected=1)
    assert "epochs" in prox("run-card", *place, *small, "--epochs", "inf", expected=1)
    assert "starts from random weights" in prox("run-card", *place, *small, "--base", "b", expected=1)
    assert "has no manifest.json" in prox("run-card", "nothing", "--lake", lake.url, *small, expected=1)
