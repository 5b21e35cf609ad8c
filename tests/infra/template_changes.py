"""Changes of the templates that must not go unnoticed, by kind.

Each is a file, what stands there, what is put in its place, and what the check says.
"""

from __future__ import annotations

Change = tuple[str, str, str, str]

_SECOND_QUEUE = """
resource more 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'by-hand'
}
output serviceBusId string"""
_SECOND_CONTAINER = """
resource more 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2024-11-15' = {
  parent: database
  name: 'by-hand'
  properties: { resource: { id: 'by-hand' } }
}
output cosmosId string"""
_SECOND_GRANT = """
resource more 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, 'more')
  scope: vault
  properties: { principalId: appPrincipalId, roleDefinitionId: 'more' }
}
output keyVaultId string"""

DEPLOYED: dict[str, Change] = {
    "a container's partition key": ("declared.json", '"/shardTypeId"', '"/tenantId"', "other containers"),
    "a container's life time": (
        "declared.json",
        '"defaultTtl": 2592000',
        '"defaultTtl": 60',
        "other containers",
    ),
    "an index": ("declared.json", '"/nextSyncAt/?"', '"/nextSyncAtAll/?"', "other containers"),
    "a composite index": ("declared.json", '"ascending"', '"descending"', "other containers"),
    "a queue's lock": ("declared.json", '"PT5M"', '"PT4M"', "other queues"),
    "who may write where": ("declared.json", '    "providers",\n', "", "other writableContainers"),
    "a container as something else": (
        "modules/cosmos.bicep",
        "resource: container.resource",
        "resource: { id: container.name }",
        "containers are not deployed as declared",
    ),
    "queues with other properties": (
        "modules/service-bus.bicep",
        "properties: queue.properties",
        "properties: {}",
        "queues are not deployed as declared",
    ),
    "queues from elsewhere": (
        "modules/service-bus.bicep",
        "for queue in declared.queues",
        "for queue in [{ name: 'other', properties: {} }]",
        "queues are not deployed as declared",
    ),
    "a container of the archive": (
        "modules/archive.bicep",
        "'history'",
        "'other'",
        "the archive has the containers",
    ),
}

WIRING: dict[str, Change] = {
    "a queue by hand": (
        "modules/service-bus.bicep",
        "output serviceBusId string",
        _SECOND_QUEUE,
        "service-bus has more",
    ),
    "a container by hand": (
        "modules/cosmos.bicep",
        "output cosmosId string",
        _SECOND_CONTAINER,
        "cosmos has more",
    ),
    "a grant by hand": (
        "modules/key-vault.bicep",
        "output keyVaultId string",
        _SECOND_GRANT,
        "key-vault has more",
    ),
    "a resource that is gone": (
        "modules/archive.bicep",
        "resource auditStays '",
        "resource auditGoes '",
        "archive has auditStays as None",
    ),
    "a module that is not deployed": (
        "main.bicep",
        "module alerts 'modules/alerts.bicep'",
        "module alerts 'modules/workbooks.bicep'",
        "the module alerts is called 0 times",
    ),
    "a module that depends on something else": (
        "main.bicep",
        "module cosmos 'modules/cosmos.bicep' = {",
        "module cosmos 'modules/cosmos.bicep' = if (privateNetwork) {",
        "the module cosmos is deployed under another condition",
    ),
    "somebody else's rights": (
        "main.bicep",
        "appPrincipalId: identities.outputs.appPrincipalId",
        "appPrincipalId: identities.outputs.archiverPrincipalId",
        "the parameter appPrincipalId of monitoring is not what has its name",
    ),
    "another service's address": (
        "main.bicep",
        "keyVaultUrl: keyVault.outputs.keyVaultUrl",
        "keyVaultUrl: archive.outputs.blobAccountUrl",
        "the parameter keyVaultUrl of function-app is not what has its name",
    ),
    "an output of something else": (
        "modules/identities.bicep",
        "output appPrincipalId string = app.",
        "output appPrincipalId string = archiver.",
        "the output appPrincipalId of identities is archiver.properties.principalId",
    ),
    "a parameter that is not given": (
        "main.bicep",
        "    cosmosMode: cosmosMode\n",
        "",
        "the module cosmos gets",
    ),
}

SETTINGS: dict[str, Change] = {
    "a setting that nobody reads": (
        "modules/function-app.bicep",
        "INTEGRATIONS_JWKS_URL",
        "INTEGRATIONS_KEYS_URL",
        "INTEGRATIONS_KEYS_URL: nobody reads it",
    ),
    "a setting without which the app does not start": (
        "modules/function-app.bicep",
        "{ name: 'INTEGRATIONS_COSMOS_ENDPOINT', value: cosmosEndpoint }",
        "",
        "the app would not start",
    ),
    "a key instead of an identity": (
        "modules/function-app.bicep",
        "ServiceBusConnection__fullyQualifiedNamespace",
        "ServiceBusConnection",
        "to be left alone: identities only",
    ),
    "the embedded backend": (
        "modules/function-app.bicep",
        "value: 'azure'",
        "value: 'embedded'",
        "app setting INTEGRATIONS_BACKEND is 'embedded'",
    ),
    "another setting's value": (
        "modules/function-app.bicep",
        "value: tokenKeysUrl",
        "value: tokenIssuer",
        "app setting INTEGRATIONS_JWKS_URL is tokenIssuer",
    ),
    "another identity": (
        "modules/function-app.bicep",
        "{ name: 'AZURE_CLIENT_ID', value: identityClientId }",
        "{ name: 'AZURE_CLIENT_ID', value: archiverIdentityId }",
        "app setting AZURE_CLIENT_ID",
    ),
}

ROLES: dict[str, Change] = {
    "a wider scope": ("modules/cosmos.bicep", "/colls/${container}'", "'", "nobody needs: app as"),
    "a whole namespace": (
        "modules/service-bus.bicep",
        "scope: queues[index]",
        "scope: namespace",
        "on service-bus",
    ),
    "another role": (
        "modules/key-vault.bicep",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "missing: app as b86a8fe4",
    ),
    "a role for somebody else": (
        "modules/cosmos.bicep",
        "principalId: archiverPrincipalId",
        "principalId: appPrincipalId",
        "missing: archiver as Audit remover",
    ),
    "one role too many": (
        "modules/host-storage.bicep",
        "var roles = [\n",
        "var roles = [\n  'b24988ac-6180-42a0-ab88-20f7382dd24c'\n",
        "nobody needs: app as b24988ac",
    ),
    "an audit log that can be changed": (
        "modules/cosmos.bicep",
        "'${itemActions}/create'",
        "'${itemActions}/create'\n          '${itemActions}/replace'",
        "the role Audit writer allows",
    ),
    "an archive of the audit log that can be emptied": (
        "modules/archive.bicep",
        "containers/blobs/add/action'",
        "containers/blobs/delete'",
        "the role Audit keeper allows",
    ),
    "the wrong container": ("modules/archive.bicep", "scope: audit", "scope: history", "on archive/audit"),
}

FIXED: dict[str, Change] = {
    "keys of the database": (
        "modules/cosmos.bicep",
        "disableLocalAuth: true",
        "disableLocalAuth: false",
        "disableLocalAuth",
    ),
    "keys of the queues": (
        "modules/service-bus.bicep",
        "disableLocalAuth: true",
        "disableLocalAuth: false",
        "disableLocalAuth",
    ),
    "keys of the archive": (
        "modules/archive.bicep",
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
        "allowSharedKeyAccess",
    ),
    "the backup": ("modules/cosmos.bicep", "type: 'Continuous',", "type: 'Periodic',", "backupPolicy.type"),
    "the consistency": ("modules/cosmos.bicep", "'Strong'", "'Session'", "defaultConsistencyLevel"),
    "how long a deleted secret stays": (
        "modules/key-vault.bicep",
        "softDeleteRetentionInDays: 90",
        "softDeleteRetentionInDays: 7",
        "softDeleteRetentionInDays",
    ),
    "the purge protection": (
        "modules/key-vault.bicep",
        "enablePurgeProtection: true",
        "enablePurgeProtection: false",
        "enablePurgeProtection",
    ),
    "how long the archive can't be changed": (
        "modules/archive.bicep",
        "InDays: auditRetentionDays",
        "InDays: 1",
        "immutabilityPeriodSinceCreationInDays",
    ),
    "how long it can't by default": (
        "main.bicep",
        "auditRetentionDays int = 2557",
        "auditRetentionDays int = 1",
        "auditRetentionDays",
    ),
    "how long it can't in production": (
        "environments/production.bicepparam",
        "auditRetentionDays = 2557",
        "auditRetentionDays = 365",
        "production has auditRetentionDays",
    ),
    "TLS": ("modules/function-app.bicep", "minTlsVersion: '1.2'", "minTlsVersion: '1.0'", "minTlsVersion"),
    "plain HTTP": ("modules/function-app.bicep", "httpsOnly: true", "httpsOnly: false", "httpsOnly"),
    "passwords": ("modules/function-app.bicep", "allow: false", "allow: true", "noPasswords"),
    "Python": ("modules/function-app.bicep", "version: '3.11'", "version: '3.9'", "runtime.version"),
    "who is let in": (
        "main.bicep",
        "var publicAccess = privateNetwork ? 'Disabled' : 'Enabled'",
        "var publicAccess = privateNetwork ? 'Enabled' : 'Enabled'",
        "main has publicAccess",
    ),
}

QUERIES: dict[str, Change] = {
    "a message that is never logged": (
        "modules/alerts.bicep",
        "A sync run has failed",
        "A sync run went wrong",
        "which the app never logs",
    ),
    "a code that no error has": ("modules/alerts.bicep", "'unavailable\\'", "'unreachable\\'", "never logs"),
    "a workbook's message": (
        "workbooks/providers.json",
        "'A sync run has failed'",
        "'A run failed'",
        "never logs",
    ),
    "the guide's threshold": (
        "modules/alerts.bicep",
        "measure: 'rate', threshold: 20",
        "measure: 'rate', threshold: 50",
        "the guide says (20,",
    ),
    "a threshold that the rule does not take": (
        "modules/alerts.bicep",
        "threshold: alert.threshold\n            failingPeriods",
        "threshold: 99\n            failingPeriods",
        "does not do what its entry says",
    ),
    "an alert that is gone": (
        "modules/alerts.bicep",
        "{ name: 'dead-letters', ",
        "{ name: 'letters', ",
        "other log alerts",
    ),
    "another service": (
        "modules/alerts.bicep",
        "resource: archiveId",
        "resource: hostStorageId",
        "other metric alerts",
    ),
    "another metric": (
        "modules/alerts.bicep",
        "metric: 'ThrottledRequests'",
        "metric: 'ServerErrors'",
        "other metric alerts",
    ),
    "queues that hide each other": (
        "modules/alerts.bicep",
        "values: [queue.name]",
        "values: ['*']",
        "not each queue has its own alert",
    ),
    "queue messages among the answers": (
        "modules/alerts.bicep",
        "isnotempty(Url) and ",
        "",
        "takes queue messages for answers",
    ),
}

VERSIONS: dict[str, Change] = {
    "another API version": ("modules/key-vault.bicep", "vaults@2023-07-01", "vaults@2099-01-01", "looked up"),
    "a version that was not looked up": (
        "api-versions.json",
        "vaults@2023-07-01",
        "vaults@2023-02-01",
        "was not looked up",
    ),
}

TEMPLATE_CHANGES = {**DEPLOYED, **WIRING, **SETTINGS, **ROLES, **FIXED, **QUERIES, **VERSIONS}
