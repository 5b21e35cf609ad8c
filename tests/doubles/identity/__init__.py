"""A double of two issuers of tokens: App Service's managed identity, and the host platform's."""

from tests.doubles.identity.server import IdentityDouble

__all__ = ["IdentityDouble"]
