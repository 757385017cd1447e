"""Options that several commands share, and how they are read; plan_options.py has those that make a plan."""

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer
import yaml

from prox_assets.cli.console import fail
from prox_assets.lake.lake import Lake
from prox_assets.stages.settings import POLICY_SETTINGS, checked_policy

LakeOption = Annotated[str, typer.Option("--lake", "-l", help="Folder or URL of the lake.", envvar="PROX_LAKE")]
CorpusOption = Annotated[str | None, typer.Option("--corpus", help="Only this corpus; all of the lake by default.")]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", metavar="NAME=VALUE", help="A setting of the execution policy, e.g. doc_keep_threshold=0.7."
    ),
]

ALL = 0
"""What `number_or_all` makes of the word `all`."""


def number_or_all(value: str | int) -> int:
    """Read a number of at least 1, or the word `all`.

    Raises:
        BadParameter: It is neither.
    """
    if value == "all":
        return ALL
    if not str(value).isdecimal() or int(value) < 1:
        raise typer.BadParameter(f"{value!r} is neither a number of at least 1 nor `all`")
    return int(value)


def sharing(
    shared: Callable[..., Any], without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that `shared` declares, and what `shared` makes of them as its first argument.

    Args:
        shared: A function whose parameters are options.
        without: Names of options that the command does not have; they keep their defaults.
    """
    common = [option for option in signature(shared).parameters.values() if option.name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401 (what the signature below says)
            value = shared(**{option.name: given.pop(option.name) for option in common})
            command(value, **given)

        _, *own = signature(command).parameters.values()
        declare(run, [*own, *common])
        return run

    return decorate


def declare(command: Callable[..., Any], options: Sequence[Parameter]) -> None:
    """Make a function that takes `**given` show these options as its signature, for typer."""
    named = [option.replace(kind=Parameter.KEYWORD_ONLY) for option in options]
    command.__signature__ = Signature(named)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {option.name: option.annotation for option in named}


def corpora_of(lake: Lake, corpus: str | None) -> list[str]:
    """Return the named corpus, or all corpora; exit with code 1 if there is none.

    Raises:
        LakeError: The lake cannot be listed.
    """
    present = lake.corpora()
    if not present:
        raise fail(f"the lake {lake.url} has no corpus yet; `prox refine` creates one")
    if corpus is not None and corpus not in present:
        raise fail(f"the lake {lake.url} has no corpus {corpus!r}; it has: {', '.join(present)}")
    return present if corpus is None else [corpus]


def policy_values(options: list[str] | None) -> dict[str, Any]:
    """Read the settings of --policy.

    Raises:
        ValueError: A setting is unknown, has the wrong type, is out of range, or is decided by the refiner.
    """
    return checked_policy(assignments(options), "--policy", POLICY_SETTINGS)


def assignments(options: Sequence[str] | None) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are parsed as YAML, so numbers and booleans keep their types.

    Raises:
        ValueError: An option does not have that form.
    """
    values: dict[str, Any] = {}
    for option in options or ():
        name, separator, value = option.partition("=")
        if not separator:
            raise ValueError(f"{option!r} is not of the form NAME=VALUE")
        values[name.replace("-", "_")] = yaml.safe_load(value)
    return values
