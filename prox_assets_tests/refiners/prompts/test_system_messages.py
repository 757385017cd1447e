"""System messages of released refiners: taken from where they were published, by hash, and never from elsewhere."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.prompts import system_messages
from prox_assets.refiners.prompts.system_messages import RELEASED_MESSAGES, download, read_published, released_message
from prox_assets.refiners.user_cache import CACHE_VARIABLE
from prox_assets_tests.released_messages import released

TEXT = "Take out what is noise.\n\nKeep the rest – all of it."
MESSAGE = released("ultrax", TEXT)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def in_python(text: str) -> str:
    return f"import no_such_module\nOTHER = 1\nSYSTEM = {text!r}\nraise SystemExit(SYSTEM)\n"


def test_a_constant_is_read_from_a_file_that_is_not_run(tmp_path):
    message = system_messages.ReleasedMessage(
        name="x", repository="a/b", commit="0" * 40, path="in/it.py", sha256=MESSAGE.sha256, constant="SYSTEM"
    )
    file = tmp_path / "checkout" / "in" / "it.py"
    file.parent.mkdir(parents=True)
    file.write_text(in_python(TEXT), encoding="utf-8")
    assert read_published(message, file) == read_published(message, tmp_path / "checkout") == TEXT
    for content, problem in (
        (in_python("another"), "its SHA-256 is"),
        ("SYSTEM = 1", "no constant SYSTEM"),
        ("SYSTEM = (", "no constant SYSTEM"),
        ("", "no constant SYSTEM"),
    ):
        file.write_text(content)
        with pytest.raises(RefinerError, match=problem):
            read_published(message, file)


def test_a_whole_file_is_stripped_and_another_text_is_refused(tmp_path):
    file = tmp_path / "system.txt"
    file.write_text(f"\n{TEXT}\n\n", encoding="utf-8")
    assert read_published(MESSAGE, file) == TEXT
    file.write_text(TEXT.replace("noise", "Noise"), encoding="utf-8")
    with pytest.raises(RefinerError, match="not the system message of ultrax"):
        read_published(MESSAGE, file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(RefinerError, match=f"is no text: it is not {MESSAGE.path}"):
        read_published(MESSAGE, file)
    with pytest.raises(RefinerError, match=f"is no checkout of {MESSAGE.repository}: it has no {MESSAGE.path}"):
        read_published(MESSAGE, tmp_path)
    with pytest.raises(RefinerError, match="nowhere does not exist: name the file"):
        read_published(MESSAGE, tmp_path / "nowhere")


def test_the_cache_holds_the_text_and_a_changed_one_is_refused(own_cache):
    with pytest.raises(RefinerError, match="run `prox system-message ultrax`"):
        MESSAGE.of_cache()
    place = MESSAGE.put_into_cache(TEXT)
    assert place.is_relative_to(own_cache)
    assert MESSAGE.of_cache() == TEXT
    assert [path.name for path in place.parent.iterdir()] == [f"{MESSAGE.sha256}.txt"]
    with pytest.raises(RefinerError, match="SHA-256"):
        MESSAGE.put_into_cache("another")
    place.write_text("another")
    with pytest.raises(RefinerError, match="was changed"):
        MESSAGE.of_cache()


def test_a_cache_that_cannot_be_written_names_the_variable(own_cache):
    own_cache.write_text("a file")
    with pytest.raises(RefinerError, match=CACHE_VARIABLE):
        MESSAGE.put_into_cache(TEXT)


def test_a_download_is_checked_and_an_unreachable_host_says_what_else_to_do(monkeypatch, tmp_path):
    file = tmp_path / "somebody" / "ultrax" / MESSAGE.commit / MESSAGE.path
    file.parent.mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setattr(system_messages, "DOWNLOADS", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever).start()
        try:
            with pytest.raises(RefinerError, match=r"404.*--from FILE"):
                download(MESSAGE)
            file.write_text(f"{TEXT}\n", encoding="utf-8")
            assert download(MESSAGE) == TEXT
            file.write_text("<html>Log in")
            with pytest.raises(RefinerError, match="not the system message"):
                download(MESSAGE)
        finally:
            server.shutdown()
    with pytest.raises(RefinerError, match="--from FILE"):
        download(MESSAGE)


@pytest.mark.parametrize("name", RELEASED_MESSAGES)
def test_the_command_takes_the_released_text_from_a_checkout(name, tmp_path):
    checkout = os.environ.get(f"PROX_{name.upper()}_CHECKOUT")
    if not checkout:
        pytest.skip(f"PROX_{name.upper()}_CHECKOUT names no checkout of the released code")
    result = CliRunner().invoke(app, ["system-message", name, "--from", checkout])
    assert result.exit_code == 0, result.output
    assert len(released_message(name).of_cache()) > 1_000
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("SYSTEM_INSTRUCTION = 'a text'")
    result = CliRunner().invoke(app, ["system-message", name, "--from", str(wrong)])
    assert (result.exit_code, "SHA-256" in result.output) == (1, True)


def test_the_command_lists_the_names_of_messages_that_exist():
    result = CliRunner().invoke(app, ["system-message", "nobody"])
    assert (result.exit_code, "ultrax, rescraper" in result.output) == (1, True)
