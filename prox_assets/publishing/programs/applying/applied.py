"""What applying programs came to: of a shard, or of all of them."""

from dataclasses import dataclass, field, fields


@dataclass
class Applied:
    """Documents by what became of them.

    Attributes:
        refined: Written, each with the hash that was expected.
        dropped: Dropped by their programs.
        moved: Those of them that were found by their hash, elsewhere than where their programs expected them.
        changed: The original has another text at this place; refused.
        missing: The original file is there, but has no document at this place, and none with its hash elsewhere.
        not_given: Their original file was not among those that were named.
        without_program: Documents of the originals that no program is for.
        different: Their programs gave another text than expected; refused.
        problems: What kept a shard or a file from being read, in words that name it.
    """

    refined: int = 0
    dropped: int = 0
    moved: int = 0
    changed: int = 0
    missing: int = 0
    not_given: int = 0
    without_program: int = 0
    different: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: "Applied") -> None:
        """Add what another part came to."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def refused(self) -> int:
        """Documents that a program was for and that are not refined, although their file was given."""
        return self.changed + self.missing + self.different

    @property
    def is_complete(self) -> bool:
        """Whether every program whose file was given did what it should."""
        return not (self.refused or self.problems)
