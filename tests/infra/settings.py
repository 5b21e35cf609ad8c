"""The app's settings: each one that the code reads, with the value that it is meant to have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.config import load_settings
from shared.domain.errors import ConfigurationError
from tests.infra.code import Code
from tests.infra.syntax import Templates

SET = {
    "INTEGRATIONS_BACKEND": "'azure'",
    "INTEGRATIONS_ENVIRONMENT": "environment",
    "INTEGRATIONS_JWT_ISSUER": "tokenIssuer",
    "INTEGRATIONS_JWT_AUDIENCE": "tokenAudience",
    "INTEGRATIONS_JWKS_URL": "tokenKeysUrl",
    "INTEGRATIONS_PUBLIC_URL": "empty(publicUrl) ? 'https://${name}.azurewebsites.net' : publicUrl",
    "INTEGRATIONS_COSMOS_ENDPOINT": "cosmosEndpoint",
    "INTEGRATIONS_COSMOS_DATABASE": "cosmosDatabase",
    "INTEGRATIONS_KEY_VAULT_URL": "keyVaultUrl",
    "INTEGRATIONS_BLOB_ACCOUNT_URL": "blobAccountUrl",
    "INTEGRATIONS_BLOB_CONTAINER": "blobContainer",
    "INTEGRATIONS_AUDIT_CONTAINER": "auditContainer",
    "INTEGRATIONS_ARCHIVER_CLIENT_ID": "archiverIdentityClientId",
    "ServiceBusConnection__fullyQualifiedNamespace": "serviceBusNamespace",
}
"""What the code reads, as the template writes its value."""

HOST = {
    "AzureWebJobsStorage__accountName": "hostStorageName",
    "AzureWebJobsStorage__credential": "'managedidentity'",
    "AzureWebJobsStorage__clientId": "identityClientId",
    "ServiceBusConnection__credential": "'managedidentity'",
    "ServiceBusConnection__clientId": "identityClientId",
    "AZURE_CLIENT_ID": "identityClientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "insightsConnectionString",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "'ClientId=${identityClientId};Authorization=AAD'",
}
"""What the Functions host and Azure's SDKs read."""

LEFT_ALONE = {
    "INTEGRATIONS_DATA_DIR": "embedded only",
    "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES": "off in Azure, and to stay so",
    "INTEGRATIONS_LOG_LEVEL": "its default fits; an operator changes it for a while",
    "INTEGRATIONS_COSMOS_KEY": "identities only",
    "ServiceBusConnection": "identities only",
    "INTEGRATIONS_BLOB_CONNECTION": "identities only",
    "INTEGRATIONS_CA_FILE": "for local stand-ins",
}
"""Settings that templates don't set, and why."""

_SAMPLES = {
    "INTEGRATIONS_BACKEND": "azure",
    "INTEGRATIONS_ENVIRONMENT": "production",
    "INTEGRATIONS_BLOB_CONTAINER": "history",
    "INTEGRATIONS_AUDIT_CONTAINER": "audit",
    "ServiceBusConnection__fullyQualifiedNamespace": "sample.servicebus.windows.net",
}
_SETTING = re.compile(r"\{ name: '(\w+)', value: (.+) \}")


def settings_drift(templates: Templates, code: Code) -> Iterator[str]:
    """Yield a line for each setting that is missing, that nobody reads, or that has another value."""
    found = dict(_SETTING.findall(templates.modules["function-app"].text))
    known = set(code.settings)
    for name in sorted(known - SET.keys() - LEFT_ALONE.keys()):
        yield f"setting {name} is missing: set it, or say in LEFT_ALONE why not"
    for name in sorted(found.keys() - HOST.keys() - known):
        yield f"app setting {name}: nobody reads it"
    for name in sorted(found.keys() & LEFT_ALONE.keys()):
        yield f"app setting {name} is set, though it is to be left alone: {LEFT_ALONE[name]}"
    for name, value in {**SET, **HOST}.items():
        if found.get(name) != value:
            yield f"app setting {name} is {found.get(name)}, not {value}"
    try:
        load_settings({name: _SAMPLES.get(name, "https://sample.example/") for name in found.keys() & known})
    except ConfigurationError as error:
        yield f"the app would not start with these app settings: {error}"
