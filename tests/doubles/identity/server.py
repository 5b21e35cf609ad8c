"""Serves tokens: to the app as its managed identity, and to callers as their identity provider.

The first speaks App Service's protocol, which azure-identity's DefaultAzureCredential finds by the variables
IDENTITY_ENDPOINT and IDENTITY_HEADER
(https://learn.microsoft.com/azure/app-service/overview-managed-identity, "REST endpoint reference"). The
second publishes its key as a JSON Web Key Set (RFC 7517) and issues a token to whoever asks.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.ports.clock import Clock

ISSUER = "castiel-double"
AUDIENCE = "castiel-integrations"
APP_TOKEN_SECONDS = 3600
_KEY_ID = "key-1"


class IdentityDouble:
    """Use as a context manager: it listens on 127.0.0.1 meanwhile.

    Args:
        clock: Time, for what tokens say of their lives.
        port: Where to listen; 0 for any free port.
    """

    def __init__(self, clock: Clock, port: int = 0) -> None:
        self._clock = clock
        self._port = port
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._header = secrets.token_hex(16)
        self._app_tokens: set[str] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.app_tokens_issued = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/msi/token", self._app_token),
                web.get("/keys", self._keys),
                web.post("/token", self._caller_token),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which the app finds both issuers."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": self._header,
            "INTEGRATIONS_JWT_ISSUER": ISSUER,
            "INTEGRATIONS_JWT_AUDIENCE": AUDIENCE,
            "INTEGRATIONS_JWKS_URL": f"{self.url}/keys",
        }

    def knows(self, app_token: str) -> bool:
        """Whether this is a token that the app got here as its identity."""
        return app_token in self._app_tokens

    def issue(self, subject: str, tenant_id: str | None, roles: Iterable[str]) -> str:
        """Return a caller's token, good for an hour."""
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "roles": list(roles)}
        claims |= {"iat": now, "exp": now + 3600}
        if tenant_id:
            claims["tenantId"] = tenant_id
        return jwt.encode(claims, self._key, "ES256", headers={"kid": _KEY_ID})

    async def _app_token(self, request: web.Request) -> web.Response:
        if request.headers.get("X-IDENTITY-HEADER") != self._header:
            return web.json_response({"error": "the header is not the process's"}, status=403)
        token = secrets.token_urlsafe(24)
        self._app_tokens.add(token)
        self.app_tokens_issued += 1
        expires_on = int(self._clock.now().timestamp()) + APP_TOKEN_SECONDS
        resource = request.query.get("resource", "")
        body = {
            "access_token": token,
            "expires_on": str(expires_on),
            "resource": resource,
            "token_type": "Bearer",
        }
        return web.json_response(body)

    async def _keys(self, request: web.Request) -> web.Response:
        del request
        key = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return web.json_response({"keys": [{**key, "kid": _KEY_ID, "use": "sig", "alg": "ES256"}]})

    async def _caller_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        roles = str(form.get("roles", "admin")).split(",")
        token = self.issue(str(form.get("subject", "somebody")), str(form.get("tenant", "")) or None, roles)
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
