"""What a file of programs holds, counted from its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from prox_assets.programs import DIALECTS, strings_of
from prox_assets.publishing.programs.tables import Row


@dataclass
class Counts:
    """Counts of a shard's rows; the fields are those of ProgramShard."""

    documents: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    characters_raw: int = 0
    characters_refined: int = 0
    characters_of_programs: int = 0
    characters_of_strings: int = 0

    def add(self, row: Row, dialect: str) -> None:
        """Count a row of PROGRAMS whose programs are of a dialect."""
        self.documents += 1
        self.outcomes[row["outcome"]] = self.outcomes.get(row["outcome"], 0) + 1
        self.characters_raw += row["characters_before"]
        self.characters_refined += row["characters_after"]
        programs = [chunk["program"] for chunk in row["chunks"] if chunk["program"] is not None]
        self.characters_of_programs += sum(map(len, programs))
        self.characters_of_strings += sum(len(string) for one in programs for string in strings_in(one, dialect))


def strings_in(program: str, dialect: str) -> Iterator[str]:
    """Yield the strings that a program of a dialect searches for or puts into a text."""
    for operation in DIALECTS[dialect].parse(program).operations:
        yield from strings_of(operation)
