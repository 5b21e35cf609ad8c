"""`python -m ops check-provider`: is a provider's document right, and does its API answer as it says?"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from ops.provider_file import ProviderFile
from ops.provider_report import Report
from shared.domain.errors import ConfigurationError
from shared.domain.provider import ProviderDocument
from shared.ports.adapter import Credentials
from shared.services.provider_check import ProviderChecker

SUMMARY = "Check a provider's document, and try it against its API."

_EPILOG = """\
Without settings only the document is checked. With --setting, --base-url, credentials or --live its entities
are read too: nothing is stored, nothing is written at the provider, and no value of a record and no
credential is printed.
Credentials in arguments can be seen by every user of this machine (ps): prefer the environment or stdin.
Exit codes: 0 all is well, 1 something has to be mended, 2 wrong arguments or an unreadable file."""

_MOST_PAGES = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("file", type=Path, help="the document, YAML or JSON")
    add("--setting", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="of an integration")
    add("--base-url", metavar="URL", help="to ask instead of the document's `baseUrl`")
    add(
        "--credential",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="visible to others on this machine while the command runs",
    )
    add(
        "--credentials-from-env",
        metavar="PREFIX",
        help="take each from a variable: PREFIX and its name in capitals",
    )
    add("--credentials-from-stdin", action="store_true", help="take them as a JSON object from stdin")
    add("--live", action="store_true", help="try the API although no settings are needed")
    add(
        "--entity",
        action="append",
        default=[],
        metavar="NAME",
        help="try this one only; may be repeated",
    )
    add("--pages", type=_pages, default=2, help="how many pages to read of each entity (default: 2)")
    add(
        "--public-only",
        action="store_true",
        help="refuse private addresses and plain http, as the app in Azure does",
    )
    add("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Check the file, print the report, and return the exit code: 0 all is well, 1 something is to be mended.

    Raises:
        ConfigurationError: The file can't be read, or settings, credentials or entities don't fit it.
    """
    report = asyncio.run(_checked(arguments))
    print(report.as_json() if arguments.json else report.as_text())
    return 0 if report.ok else 1


async def _checked(arguments: argparse.Namespace) -> Report:
    from shared.bootstrap import provider_checker  # noqa: PLC0415  # `--help` need not wait for it

    file = ProviderFile.read(arguments.file)
    document = file.document(arguments.base_url)
    async with provider_checker(allow_private_addresses=not arguments.public_only) as checker:
        problems = document if isinstance(document, list) else checker.problems(document)
        entities = None
        if isinstance(document, ProviderDocument) and not problems and _is_live(arguments):
            settings, credentials = dict(arguments.setting), _credentials(arguments, checker, document)
            entities = await checker.try_out(
                document, settings, credentials, arguments.entity, arguments.pages
            )
    return Report(file=file.name, problems=file.located(problems), entities=entities)


def _is_live(arguments: argparse.Namespace) -> bool:
    return bool(
        arguments.live
        or arguments.setting
        or arguments.base_url
        or arguments.credential
        or arguments.credentials_from_env
        or arguments.credentials_from_stdin
    )


def _credentials(
    arguments: argparse.Namespace, checker: ProviderChecker, document: ProviderDocument
) -> Credentials:
    values = dict(arguments.credential)
    prefix = arguments.credentials_from_env
    if prefix is not None:
        names = {name: f"{prefix}{name.upper()}" for name in checker.credential_fields(document)}
        values |= {name: os.environ[each] for name, each in names.items() if each in os.environ}
    if arguments.credentials_from_stdin:
        values |= _from_stdin()
    return Credentials(values)


def _from_stdin() -> dict[str, str]:
    try:
        given = json.load(sys.stdin)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ConfigurationError('Stdin must hold a JSON object of texts, such as {"apiKey": "..."}.')
    return given


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")  # without the text: it may be a secret
    return name, value


def _pages(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST_PAGES):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MOST_PAGES}")
    return int(text)
