"""`python -m ops token`: a token of this laptop's own identity, for trying the API."""

from __future__ import annotations

import argparse

from shared.domain.caller import Role
from shared.domain.errors import ConfigurationError

SUMMARY = "Print a bearer token that this machine's app accepts."

_TENANTLESS = {Role.SUPER_ADMIN, Role.SERVICE}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    choices = [str(role) for role in Role]
    parser.add_argument(
        "--role",
        action="append",
        required=True,
        choices=choices,
        dest="roles",
        help="may be given more than once",
    )
    parser.add_argument("--user", required=True, help="the user's id")
    parser.add_argument("--tenant", help="the tenant's id; may be left out for super_admin and service")
    parser.add_argument(
        "--hours", type=_hours, default=12.0, help="how long the token is good for (default: 12)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the token.

    Raises:
        ConfigurationError: A role needs a tenant, or the settings have no identity of this machine's own.
    """
    roles = [Role(role) for role in arguments.roles]
    if not arguments.tenant and not _TENANTLESS.issuperset(roles):
        raise ConfigurationError("--tenant is required, except for the roles super_admin and service alone")
    from shared.bootstrap import local_identity  # noqa: PLC0415  # `--help` need not wait for it

    lifetime_seconds = int(arguments.hours * 3600)
    print(local_identity().issue(arguments.user, arguments.tenant or None, roles, lifetime_seconds))


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 24 * 365:
        raise argparse.ArgumentTypeError("must be more than 0 and at most a year")
    return hours
