"""The corpus configuration: what it accepts, and what it never shows."""

import pytest
from pydantic import ValidationError

from prox_assets.corpora.source import ColumnMapping, CorpusSource


@pytest.mark.parametrize("name", ["", "C4", "4c", "a-b", "a/b", "a b", "_a", "a\n", "x" * 65])
def test_a_name_that_is_no_key_and_no_folder_is_refused(name):
    with pytest.raises(ValidationError, match="name"):
        CorpusSource(name=name, urls=["x"])


@pytest.mark.parametrize("urls", [[], [""], ["  "]])
def test_a_corpus_without_urls_is_refused(urls):
    with pytest.raises(ValidationError, match="urls"):
        CorpusSource(name="web", urls=urls)


def test_a_mapping_on_a_published_format_is_refused():
    with pytest.raises(ValidationError, match="fixes its own columns"):
        CorpusSource(name="web", urls=["x"], format="c4", columns=ColumnMapping(text="body"))


def test_storage_options_show_in_no_repr_and_no_error():
    options = {"secret": "hunter2"}
    assert "hunter2" not in repr(CorpusSource(name="web", urls=["x"], storage_options=options))
    with pytest.raises(ValidationError) as caught:
        CorpusSource(name="NO", urls=["x"], storage_options=options)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        CorpusSource.model_validate({"name": "web", "urls": ["x"], "storage_options": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_every_field_is_described():
    fields = {**CorpusSource.model_fields, **ColumnMapping.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
