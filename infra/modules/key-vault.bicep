// Credentials. Nothing can be purged before its 90 days are over, and every access is logged.
param name string
param location string
param tags object
@allowed(['standard', 'premium'])
param keyVaultSku string
@description('Open only where there is no private network: then identities are the only guard.')
@allowed(['Enabled', 'Disabled'])
param publicAccess string = 'Disabled'
@allowed(['Allow', 'Deny'])
param unknownNetworks string = 'Deny'
param appPrincipalId string
param workspaceId string

var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109: one parameter (privateNetwork) closes it; without a private network identities are the guard
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: keyVaultSku }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicAccess
    networkAcls: { bypass: 'None', defaultAction: unknownNetworks }
  }
}

resource appUses 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, secretsOfficer)
  scope: vault
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

output keyVaultId string = vault.id
output keyVaultUrl string = vault.properties.vaultUri
