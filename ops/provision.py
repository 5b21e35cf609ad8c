"""`python -m ops provision`: the database, its containers and the archive, where they are missing."""

from __future__ import annotations

import argparse
import asyncio
import sys

from shared import bootstrap
from shared.domain.errors import UnavailableError

SUMMARY = "Make the containers of Cosmos DB and Blob Storage that the settings name and that are missing."


def configure(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments: the settings say where."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each thing made. Queues are not made: they come with the namespace's deployment."""
    del arguments
    try:
        made = asyncio.run(bootstrap.provision())
    except UnavailableError as error:
        print(f"{error} Nothing is lost: run this again when it answers.", file=sys.stderr)
        return 1
    for line in made or ["Nothing was missing."]:
        print(line)
    return 0
