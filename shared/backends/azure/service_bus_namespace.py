"""Where the queues are, and the right to use them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from azure.core.credentials_async import AsyncTokenCredential
from azure.servicebus import parse_connection_string
from azure.servicebus.aio import ServiceBusClient

from shared.backends.azure.transport import modern_tls
from shared.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ServiceBusNamespace:
    """A namespace; makes the SDK's clients, which connect at their first use."""

    host: str
    _connect: Callable[..., ServiceBusClient] = field(repr=False)

    @classmethod
    def from_connection_string(cls, connection_string: str, tls: ssl.SSLContext | None = None) -> Self:
        """Use a shared access key; `tls` is what to trust, see `modern_tls`.

        Raises:
            ConfigurationError: It is no connection string; the message does not repeat it.
        """
        try:
            host = parse_connection_string(connection_string).fully_qualified_namespace
        except ValueError:
            raise ConfigurationError("The Service Bus connection string can't be read") from None
        return cls(
            host,
            partial(ServiceBusClient.from_connection_string, connection_string, ssl_context=modern_tls(tls)),
        )

    @classmethod
    def with_identity(
        cls, host: str, credential: AsyncTokenCredential, tls: ssl.SSLContext | None = None
    ) -> Self:
        """Use an identity, a managed one as a rule; `host` is `<name>.servicebus.windows.net`."""
        return cls(host, partial(ServiceBusClient, host, credential, ssl_context=modern_tls(tls)))

    def client(self, *, retries: int) -> ServiceBusClient:
        """Return a client that tries everything again so often by itself; who calls it bounds the time."""
        return self._connect(retry_total=retries)
