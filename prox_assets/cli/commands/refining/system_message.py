"""`prox system-message`: fetches the system message that a released refiner was tuned with."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.prompts.system_messages import (
    RELEASED_MESSAGES,
    download,
    read_published,
    released_message,
)


@plain_errors()
def system_message(
    name: Annotated[str, typer.Argument(help=f"The refiner: {', '.join(RELEASED_MESSAGES)}.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE_OR_CHECKOUT",
            help="The published file, or a checkout of its repository. By default the file is downloaded from GitHub.",
        ),
    ] = None,
) -> None:
    """Fetch the system message that a released refiner was tuned with, and put it into the cache.

    UltraX and ReScraper expect a system message, which is not part of this package. It is taken from the refiner's
    public repository at one commit, and refused if it is not the text that is known by its hash. The cache is
    `PROX_CACHE`, or prox_assets in your cache folder.
    """
    try:
        message = released_message(name)
        text = download(message) if source is None else read_published(message, source)
        place = message.put_into_cache(text)
    except RefinerError as error:
        raise fail(str(error)) from error
    say(f"{name}: {len(text):,} characters from {message.repository} at {message.commit[:7]}, now in {place}")
