"""Ids of words one after the other: always those that the tokenizer gives to the text as a whole."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.proof.tokens.tokenizer import open_backend
from prox_assets.tokens.words import Words, spaces_of
from prox_assets_tests.tokens.token_lakes import llama_2_like, llama_like

METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
TEXTS = st.lists(st.text(st.sampled_from("ab c.▁\n\té漢😀<s>"), max_size=40) | st.text(max_size=20), max_size=5)


@pytest.fixture(scope="module", params=["prepended", "metaspace"])
def tokenizer(request, tmp_path_factory):
    file = llama_2_like(tmp_path_factory.mktemp("tokenizer") / "llama") / "tokenizer.json"
    if request.param == "metaspace":
        file.write_text(json.dumps(json.loads(file.read_text()) | {"normalizer": None, "pre_tokenizer": METASPACE}))
    spaces = spaces_of(file.read_bytes())
    assert spaces is not None
    backend = open_backend(file)
    return backend, Words(backend, spaces, np.dtype("<u2"))


@given(texts=TEXTS)
def test_the_ids_are_those_of_the_text_as_a_whole(tokenizer, texts):
    backend, words = tokenizer
    expected = [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
    assert [np.frombuffer(ids, "<u2").tolist() for ids in words.encode(texts)] == expected


def test_long_words_are_not_remembered_and_come_out_the_same_again(tokenizer):
    backend, words = tokenizer
    text = "ab" * 1000
    expected = backend.encode(text, add_special_tokens=False).ids
    for _ in range(2):
        assert [np.frombuffer(ids, "<u2").tolist() for ids in words.encode([text, text])] == [expected] * 2


@given(text=st.text(st.sampled_from("ab ."), max_size=60))
def test_a_long_text_is_taken_in_parts(tokenizer, text):
    backend, words = tokenizer
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("prox_assets.tokens.words.MOST_CHARACTERS", 8)
        found = words.encode([text, "ab"])
    expected = [backend.encode(each, add_special_tokens=False).ids for each in (text, "ab")]
    assert [np.frombuffer(ids, "<u2").tolist() for ids in found] == expected


def test_a_tokenizer_whose_tokens_reach_over_words_is_left_alone(tmp_path):
    reaching = llama_2_like(tmp_path / "reaching", reaching_over=True)
    assert spaces_of((reaching / "tokenizer.json").read_bytes()) is None
    assert spaces_of((llama_like(tmp_path / "bytes") / "tokenizer.json").read_bytes()) is None
    file = (llama_2_like(tmp_path / "plain") / "tokenizer.json").read_text()
    assert spaces_of(file.encode()) is not None
    for changes in ({"pre_tokenizer": {"type": "Whitespace"}}, {"normalizer": {"type": "NFC"}}):
        assert spaces_of(json.dumps(json.loads(file) | changes).encode()) is None
