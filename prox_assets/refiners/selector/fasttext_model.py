"""A fastText classifier from a model file, such as those of DataComp-LM (2024, section 4.4), which runs elsewhere too.

The file stays where it is; its hash is in the record. It is read by the package fasttext-predict or fasttext.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import file_hash
from prox_assets.refiners.selector.file import SelectorRecord, read_record, write_record


class FasttextRecord(SelectorRecord):
    """Where the model is, and which of its labels is the target."""

    kind: Literal["fasttext"] = "fasttext"
    model: str = Field(description="Path of the .bin file.")
    label: str = Field(description="The label of the target.")
    hash: str = Field(description="Hash of the file's bytes.")


class FasttextSelector:
    """Scores by the probability of a label.

    Attributes:
        record: The model file and the label.
    """

    name = "fasttext"

    def __init__(self, record: FasttextRecord) -> None:
        self.record = record

    @property
    def measure(self) -> str:
        """What its scores are."""
        return f"probability of {self.record.label}"

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401 (a class of whichever package is installed)
        with packages_of("fasttext", RefinerError):
            import fasttext  # pyright: ignore[reportMissingImports]

        file = Path(self.record.model)
        if not file.is_file():
            raise RefinerError(f"the fastText model {file} is not there: put it back, or fit the selector again.")
        if file_hash(file) != self.record.hash:
            raise RefinerError(f"the fastText model {file} is another than the one of the selector: fit it again.")
        try:
            model = fasttext.load_model(str(file))
        except ValueError as error:
            raise RefinerError(f"{file} is no fastText model: {error}") from error
        return model

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the probability of the label for each text, 0 where the model does not name it.

        Raises:
            RefinerError: No fastText package is installed, or the file is missing or another.
        """
        return [self._probability(text) for text in texts]

    def _probability(self, text: str) -> float:
        # fastText reads one line of UTF-8.
        line = " ".join(text.split("\n")).encode("utf-8", "replace").decode()
        labels, probabilities = self._model.predict(line, k=-1)
        return min(1.0, float(dict(zip(labels, probabilities, strict=True)).get(self.record.label, 0.0)))

    def save(self, folder: Path) -> None:
        """Write the selector's record into a folder."""
        write_record(folder, self.record)

    @classmethod
    def load(cls, folder: Path) -> "FasttextSelector":
        """Return the selector in a folder; raises RefinerError where there is none."""
        return cls(read_record(folder, FasttextRecord))

    @classmethod
    def of_file(cls, model: str, label: str) -> "FasttextSelector":
        """Return the selector of a model file.

        Raises:
            RefinerError: There is no such file.
        """
        file = Path(model).expanduser()
        if not file.is_file():
            raise RefinerError(f"there is no fastText model {model}: give the path of a .bin file.")
        return cls(FasttextRecord(model=str(file.resolve()), label=label, hash=file_hash(file)))
