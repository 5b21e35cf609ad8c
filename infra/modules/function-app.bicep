// The app on Flex Consumption. It scales on HTTP and on the queues' length: an instance takes so many messages
// at once as host.json says (maxConcurrentCalls, and maxConcurrentSessions for the queue with sessions).
param name string
param location string
param tags object
param environment string
param tokenIssuer string
param tokenAudience string
param tokenKeysUrl string
@description('Where browsers reach the app, if not by its own name: a custom domain or a gateway.')
param publicUrl string = ''
param identityId string
param identityClientId string
param archiverIdentityId string
param archiverIdentityClientId string
@description('Empty without a virtual network.')
param appSubnetId string
param zoneRedundant bool = true
param alwaysReadyInstances int
param maximumInstances int
param hostStorageName string
param deploymentContainerUrl string
param cosmosEndpoint string
param cosmosDatabase string
param serviceBusNamespace string
param keyVaultUrl string
param blobAccountUrl string
param blobContainer string
param auditContainer string
param insightsConnectionString string
param workspaceId string

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: one parameter (zoneRedundant), on by default in production
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222: the host platform calls the API over the internet; callers prove themselves by tokens
  // checkov:skip=CKV_AZURE_17: callers prove themselves by tokens, not by certificates
  // checkov:skip=CKV_AZURE_212: Flex Consumption scales by itself; instances that are always ready are a parameter
  // checkov:skip=CKV_AZURE_213: Flex Consumption has no health check; alerts watch the app instead
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {}, '${archiverIdentityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(appSubnetId) ? null : appSubnetId
    keyVaultReferenceIdentity: identityId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      appSettings: [
        { name: 'AzureWebJobsStorage__accountName', value: hostStorageName }
        { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
        { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
        { name: 'ServiceBusConnection__fullyQualifiedNamespace', value: serviceBusNamespace }
        { name: 'ServiceBusConnection__credential', value: 'managedidentity' }
        { name: 'ServiceBusConnection__clientId', value: identityClientId }
        { name: 'AZURE_CLIENT_ID', value: identityClientId }
        { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insightsConnectionString }
        { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${identityClientId};Authorization=AAD' }
        { name: 'INTEGRATIONS_BACKEND', value: 'azure' }
        { name: 'INTEGRATIONS_ENVIRONMENT', value: environment }
        { name: 'INTEGRATIONS_JWT_ISSUER', value: tokenIssuer }
        { name: 'INTEGRATIONS_JWT_AUDIENCE', value: tokenAudience }
        { name: 'INTEGRATIONS_JWKS_URL', value: tokenKeysUrl }
        { name: 'INTEGRATIONS_PUBLIC_URL', value: empty(publicUrl) ? 'https://${name}.azurewebsites.net' : publicUrl }
        { name: 'INTEGRATIONS_COSMOS_ENDPOINT', value: cosmosEndpoint }
        { name: 'INTEGRATIONS_COSMOS_DATABASE', value: cosmosDatabase }
        { name: 'INTEGRATIONS_KEY_VAULT_URL', value: keyVaultUrl }
        { name: 'INTEGRATIONS_BLOB_ACCOUNT_URL', value: blobAccountUrl }
        { name: 'INTEGRATIONS_BLOB_CONTAINER', value: blobContainer }
        { name: 'INTEGRATIONS_AUDIT_CONTAINER', value: auditContainer }
        { name: 'INTEGRATIONS_ARCHIVER_CLIENT_ID', value: archiverIdentityClientId }
      ]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReadyInstances > 0 ? [{ name: 'http', instanceCount: alwaysReadyInstances }] : []
      }
      runtime: { name: 'python', version: '3.11' }
    }
  }
}

resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [
  for kind in ['ftp', 'scm']: {
    parent: app
    name: kind
    properties: { allow: false }
  }
]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AppServiceAuthenticationLogs', enabled: true }]
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
