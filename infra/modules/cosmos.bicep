// The documents: an account without keys, one database, and the containers that the code declares.
param name string
param location string
param tags object
@allowed(['serverless', 'autoscale'])
param cosmosMode string
@description('Open only where there is no private network: then identities are the only guard.')
@allowed(['Enabled', 'Disabled'])
param publicAccess string = 'Disabled'
param appPrincipalId string
param archiverPrincipalId string
param workspaceId string
param databaseName string = 'castiel-integrations'

@description('Request units a second at most, for the containers that share, and for each that does not.')
param sharedUnits int = 4000
param busyUnits int = 4000

var declared = loadJsonContent('../declared.json')
var isServerless = cosmosMode == 'serverless'
var capabilities = isServerless ? [{ name: 'EnableServerless' }] : []
var noUnits = {}
var sharing = { autoscaleSettings: { maxThroughput: sharedUnits } }
var ownUnits = { autoscaleSettings: { maxThroughput: busyUnits } }
var dataContributor = '00000000-0000-0000-0000-000000000002'
var itemActions = 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items'

resource account 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' = {
  // checkov:skip=CKV_AZURE_101: one parameter (privateNetwork) closes it; without a private network identities are the guard
  // checkov:skip=CKV_AZURE_99: one parameter (privateNetwork) closes it; without a private network identities are the guard
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: false }]
    capabilities: capabilities
    // Instances share no session: what one has written, another must see when its message comes.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous30Days' } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: publicAccess
    networkAclBypass: 'None'
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2024-11-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: { id: databaseName }
    options: isServerless ? noUnits : sharing
  }
}

@batchSize(5)
resource containers 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2024-11-15' = [
  for container in declared.containers: {
    parent: database
    name: container.name
    properties: {
      resource: container.resource
      options: (container.isBusy && !isServerless) ? ownUnits : noUnits
    }
  }
]

// The SDK asks for the account and its containers before it asks for documents.
resource metadataReader 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: account
  name: guid(account.id, 'metadata-reader')
  properties: {
    roleName: 'Metadata reader'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [{ dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata'] }]
  }
}

resource metadataReaders 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = [
  for principal in [appPrincipalId, archiverPrincipalId]: {
    parent: account
    name: guid(account.id, principal, 'metadata')
    properties: {
      principalId: principal
      roleDefinitionId: metadataReader.id
      scope: account.id
    }
  }
]

// Create and read, neither replace nor delete: what is in the audit log stays as it was written.
resource auditWriter 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: account
  name: guid(account.id, 'audit-writer')
  properties: {
    roleName: 'Audit writer'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [
      {
        dataActions: [
          '${itemActions}/create'
          '${itemActions}/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed'
        ]
      }
    ]
  }
}

resource auditRemover 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: account
  name: guid(account.id, 'audit-remover')
  properties: {
    roleName: 'Audit remover'
    type: 'CustomRole'
    assignableScopes: [account.id]
    permissions: [
      {
        dataActions: ['${itemActions}/delete']
      }
    ]
  }
}

@batchSize(5)
resource appWrites 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = [
  for container in declared.writableContainers: {
    parent: account
    name: guid(account.id, appPrincipalId, container)
    properties: {
      principalId: appPrincipalId
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${dataContributor}'
      scope: '${account.id}/dbs/${databaseName}/colls/${container}'
    }
    dependsOn: [containers]
  }
]

resource appAudits 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: account
  name: guid(account.id, appPrincipalId, declared.auditContainer)
  properties: {
    principalId: appPrincipalId
    roleDefinitionId: auditWriter.id
    scope: '${account.id}/dbs/${databaseName}/colls/${declared.auditContainer}'
  }
  dependsOn: [containers]
}

resource archiverRemoves 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: account
  name: guid(account.id, archiverPrincipalId, declared.auditContainer)
  properties: {
    principalId: archiverPrincipalId
    roleDefinitionId: auditRemover.id
    scope: '${account.id}/dbs/${databaseName}/colls/${declared.auditContainer}'
  }
  dependsOn: [containers]
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      { category: 'ControlPlaneRequests', enabled: true }
      { category: 'PartitionKeyRUConsumption', enabled: true }
    ]
  }
}

output cosmosId string = account.id
output cosmosEndpoint string = account.properties.documentEndpoint
output cosmosDatabase string = databaseName
