"""Expressed programs carried out by the released tools, where checkouts of them are named by environment variables."""

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings

from prox_assets.programs import DIALECTS
from prox_assets.programs.expressing.express import Fidelity, whole_document
from prox_assets_tests.programs.expressing.test_express import cuts, refined_pages, replacements, said

ULTRAX = os.environ.get("PROX_ULTRAX_CHECKOUT")
RESCRAPER = os.environ.get("PROX_RESCRAPER_CHECKOUT")


def _module(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"released_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ultrax() -> Callable[[str, str], tuple[str, str, str]]:
    place = "stage2_large_scale_execution/post_processing/post_process_and_execute.py"
    return _module(Path(ULTRAX or "") / place).process_row


@pytest.fixture(scope="module")
def rescraper() -> Callable[[str, str], tuple[str, str]]:
    library = str(Path(RESCRAPER or "") / "lib")
    sys.path.insert(0, library)
    try:
        return _module(Path(library) / "rescraper_ops.py").body_from_prediction_dfirst
    finally:
        sys.path.remove(library)


@pytest.mark.skipif(not ULTRAX, reason="PROX_ULTRAX_CHECKOUT names no checkout of openbmb/UltraX")
@given(page=refined_pages(replacements))
@settings(max_examples=1_000, deadline=None)
def test_ultrax_leaves_the_refined_text_without_blank_lines(ultrax, page):
    text, programs = page
    expressed, refined = said("ultrax", text, *programs)
    original, cleaned, processed = ultrax(text, expressed.program)
    assert original == text
    if not text.strip() or refined == text:
        assert cleaned == text
    else:
        # It has no word for a document of which nothing is left.
        assert cleaned == re.sub("\n\n+", "\n", refined or "").strip("\n"), processed


@pytest.mark.skipif(not RESCRAPER, reason="PROX_RESCRAPER_CHECKOUT names no checkout of cxcscmu/ReScraper")
@given(page=refined_pages(cuts))
@settings(max_examples=1_000, deadline=None)
def test_rescraper_leaves_what_the_program_says_without_blank_lines(rescraper, page):
    text, programs = page
    expressed, refined = said("rescraper", text, *programs)
    shown = whole_document(text.split("\n"), DIALECTS["rescraper"])
    lines = text.split("\n")
    numbered = "\n".join(
        f"<lid:{number}> {' '.join(lines[line].split())}" for number, line in enumerate(shown.lines, 1)
    )
    tag, left = rescraper(numbered, expressed.program)
    words = [" ".join(line.split()) for line in (expressed.text or "").split("\n")]
    assert left == "\n".join(line for line in words if line)
    assert (tag == "<delete>") == (expressed.program.startswith("<delete>"))
    if expressed.fidelity is Fidelity.EXACT and refined is not None:
        assert left.split() == refined.split()
