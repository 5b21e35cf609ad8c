"""Every resource of the templates, by module and symbol: one more or less is no accident."""

from __future__ import annotations

RESOURCES = {
    "main": {
        "group": "Microsoft.Resources/resourceGroups",
    },
    "alerts": {
        "onCall": "Microsoft.Insights/actionGroups",
        "team": "Microsoft.Insights/actionGroups",
        "fromLogs": "Microsoft.Insights/scheduledQueryRules",
        "fromMetrics": "Microsoft.Insights/metricAlerts",
        "standingStill": "Microsoft.Insights/metricAlerts",
    },
    "archive": {
        "account": "Microsoft.Storage/storageAccounts",
        "blobs": "Microsoft.Storage/storageAccounts/blobServices",
        "audit": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "auditStays": "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies",
        "history": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "lifecycle": "Microsoft.Storage/storageAccounts/managementPolicies",
        "auditKeeper": "Microsoft.Authorization/roleDefinitions",
        "appKeepsAudit": "Microsoft.Authorization/roleAssignments",
        "appKeepsHistory": "Microsoft.Authorization/roleAssignments",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "cosmos": {
        "account": "Microsoft.DocumentDB/databaseAccounts",
        "database": "Microsoft.DocumentDB/databaseAccounts/sqlDatabases",
        "containers": "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers",
        "metadataReader": "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions",
        "metadataReaders": "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
        "auditWriter": "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions",
        "auditRemover": "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions",
        "appWrites": "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
        "appAudits": "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
        "archiverRemoves": "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "function-app": {
        "plan": "Microsoft.Web/serverfarms",
        "app": "Microsoft.Web/sites",
        "noPasswords": "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "host-storage": {
        "account": "Microsoft.Storage/storageAccounts",
        "blobs": "Microsoft.Storage/storageAccounts/blobServices",
        "deployments": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "hostUses": "Microsoft.Authorization/roleAssignments",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "identities": {
        "app": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "archiver": "Microsoft.ManagedIdentity/userAssignedIdentities",
    },
    "key-vault": {
        "vault": "Microsoft.KeyVault/vaults",
        "appUses": "Microsoft.Authorization/roleAssignments",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "monitoring": {
        "workspace": "Microsoft.OperationalInsights/workspaces",
        "insights": "Microsoft.Insights/components",
        "publish": "Microsoft.Authorization/roleAssignments",
    },
    "network": {
        "endpointRules": "Microsoft.Network/networkSecurityGroups",
        "appRules": "Microsoft.Network/networkSecurityGroups",
        "network": "Microsoft.Network/virtualNetworks",
    },
    "private-endpoints": {
        "dns": "Microsoft.Network/privateDnsZones",
        "links": "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "privateEndpoints": "Microsoft.Network/privateEndpoints",
        "names": "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    },
    "service-bus": {
        "namespace": "Microsoft.ServiceBus/namespaces",
        "queues": "Microsoft.ServiceBus/namespaces/queues",
        "appUses": "Microsoft.Authorization/roleAssignments",
        "logs": "Microsoft.Insights/diagnosticSettings",
    },
    "workbooks": {
        "workbooks": "Microsoft.Insights/workbooks",
    },
}
