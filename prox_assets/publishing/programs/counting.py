"""What a file of programs holds, counted from its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from prox_assets.programs import InsertLine, Normalize, ReplaceInLine
from prox_assets.programs.dialects import canonical
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

    def add(self, row: Row) -> None:
        """Count a row of PROGRAMS."""
        self.documents += 1
        self.outcomes[row["outcome"]] = self.outcomes.get(row["outcome"], 0) + 1
        self.characters_raw += row["characters_before"]
        self.characters_refined += row["characters_after"]
        programs = [chunk["program"] for chunk in row["chunks"] if chunk["program"] is not None]
        self.characters_of_programs += sum(map(len, programs))
        self.characters_of_strings += sum(len(string) for program in programs for string in strings_of(program))


def strings_of(program: str) -> Iterator[str]:
    """Yield the strings that a program names; the canonical dialect reads the calls of ProX, too."""
    for call in canonical.parse(program).operations:
        match call:
            case Normalize(source, target) | ReplaceInLine(_, source, target):
                yield source
                yield target
            case InsertLine(_, text):
                yield text
