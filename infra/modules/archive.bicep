// What is kept for years. Audit entries can't be changed or deleted while their period lasts; the policy is
// deployed unlocked, and locking it is a step of its own (docs/deployment.md).
param name string
param location string
param tags object
@description('Open only where there is no private network: then identities are the only guard.')
@allowed(['Enabled', 'Disabled'])
param publicAccess string = 'Disabled'
@allowed(['Allow', 'Deny'])
param unknownNetworks string = 'Deny'
param auditRetentionDays int
param appPrincipalId string
param workspaceId string

var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var auditName = 'audit'
var historyName = 'history'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_35: one parameter (privateNetwork) closes it; without a private network identities are the guard
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_GRS' }
  properties: {
    accessTier: 'Cool'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicAccess
    networkAcls: { bypass: 'AzureServices', defaultAction: unknownNetworks }
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: { blob: { enabled: true, keyType: 'Account' } }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    changeFeed: { enabled: true }
    deleteRetentionPolicy: { enabled: true, days: 30 }
    containerDeleteRetentionPolicy: { enabled: true, days: 30 }
  }
}

resource audit 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: auditName
  properties: { publicAccess: 'None' }
}

resource auditStays 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-05-01' = {
  parent: audit
  name: 'default'
  properties: { immutabilityPeriodSinceCreationInDays: auditRetentionDays, allowProtectedAppendWrites: false }
}

resource history 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: historyName
  properties: { publicAccess: 'None' }
}

// Objects arrive in the Cold tier (shared/backends/azure/blob_archive.py), so no rule cools them.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'audit-goes-to-archive-after-a-year'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${auditName}/'] }
            actions: {
              baseBlob: { tierToArchive: { daysAfterCreationGreaterThan: 365 } }
            }
          }
        }
        {
          name: 'history-ends-after-a-year'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${historyName}/'] }
            actions: {
              baseBlob: { delete: { daysAfterCreationGreaterThan: 365 } }
              version: { delete: { daysAfterCreationGreaterThan: 30 } }
            }
          }
        }
      ]
    }
  }
  dependsOn: [blobs]
}

// Read and add, not delete. Azure has no right to write a block of a new object only, so this one could replace an
// object: that the policy above refuses, and the app asks for a free path in the same request.
resource auditKeeper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(account.id, 'audit-keeper')
  properties: {
    roleName: 'Audit keeper of ${name}' // unique in the directory
    type: 'customRole'
    description: 'Reads and adds archived audit entries; deletes none.'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
      }
    ]
  }
}

resource appKeepsAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(audit.id, appPrincipalId, 'audit-keeper')
  scope: audit
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: auditKeeper.id
  }
}

resource appKeepsHistory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(history.id, appPrincipalId, blobContributor)
  scope: history
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageRead', enabled: true }
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

output archiveId string = account.id
output blobAccountUrl string = account.properties.primaryEndpoints.blob
output blobContainer string = history.name
output auditContainer string = audit.name
