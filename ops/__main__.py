"""`python -m ops`: one subcommand for each thing that an operator does, each in a file of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from ops import check_provider, emulator_queues, infrastructure, provision, token
from shared.domain.errors import ConfigurationError


class Command(Protocol):
    """What a command's module has. `run` prints what was asked for and nothing else to stdout."""

    SUMMARY: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int | None:
        """Do it, and return the exit code if it is not 0.

        Raises ConfigurationError where the operator has something to mend.
        """
        ...


COMMANDS: Mapping[str, Command] = {
    "check-provider": check_provider,
    "emulator-queues": emulator_queues,
    "infrastructure": infrastructure,
    "provision": provision,
    "token": token,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 found wanting, 2 wrong arguments or settings."""
    parser = argparse.ArgumentParser(prog="python -m ops", description="The operator's command line.")
    subparsers = parser.add_subparsers(metavar="command", required=True)
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.SUMMARY, description=command.SUMMARY)
        subparser.set_defaults(run=command.run)
        command.configure(subparser)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen) or 0
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
