// Everything that one environment of Castiel Integrations needs, in a resource group of its own.
// What the app keeps where comes from declared.json, which `python -m ops infrastructure` writes.
targetScope = 'subscription'

@description('Short name of the environment; part of every resource\'s name.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Azure region. It must offer Flex Consumption.')
param location string

@description('Chooses how much one queue message does, and how many syncs run at once.')
@allowed(['development', 'staging', 'production'])
param environment string = 'production'

@description('Who issues callers\' tokens, for whom, and where the keys are.')
param tokenIssuer string
param tokenAudience string
param tokenKeysUrl string

@description('Serverless costs nothing while idle; autoscale is for steady load and has no limit of 1 TB a container.')
@allowed(['serverless', 'autoscale'])
param cosmosMode string = 'serverless'

@description('Premium is needed for private endpoints.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = privateNetwork ? 'Premium' : 'Standard'

@description('Premium keeps keys in hardware security modules.')
@allowed(['standard', 'premium'])
param keyVaultSku string = 'premium'

@description('True puts the services behind private endpoints and the app into a virtual network.')
param privateNetwork bool = false

@description('Spread the app over availability zones; the region must have them.')
param zoneRedundant bool = environment == 'production'

@description('HTTP instances that are kept warm.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 1

@description('So many instances at most.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 100

@description('Days that logs stay in the workspace.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Days that archived audit entries can\'t be changed or deleted: seven years.')
@minValue(365)
param auditRetentionDays int = 2557

@description('Who is told of critical and of other alerts.')
param onCallEmail string
param teamEmail string

param tags object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var publicAccess = privateNetwork ? 'Disabled' : 'Enabled'
var unknownNetworks = privateNetwork ? 'Deny' : 'Allow'
var allTags = union(tags, { 'azd-env-name': environmentName, app: 'castiel-integrations' })

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: allTags
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: { environmentName: environmentName, location: location, tags: allTags }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    logRetentionDays: logRetentionDays
    appPrincipalId: identities.outputs.appPrincipalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: { environmentName: environmentName, location: location, tags: allTags }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: 'cosmos-${token}'
    location: location
    tags: allTags
    cosmosMode: cosmosMode
    publicAccess: publicAccess
    appPrincipalId: identities.outputs.appPrincipalId
    archiverPrincipalId: identities.outputs.archiverPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    name: 'sb-${token}'
    location: location
    tags: allTags
    serviceBusSku: serviceBusSku
    publicAccess: publicAccess
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: allTags
    keyVaultSku: keyVaultSku
    publicAccess: publicAccess
    unknownNetworks: unknownNetworks
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module archive 'modules/archive.bicep' = {
  name: 'archive'
  scope: group
  params: {
    name: 'arc${token}'
    location: location
    tags: allTags
    publicAccess: publicAccess
    unknownNetworks: unknownNetworks
    auditRetentionDays: auditRetentionDays
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: 'host${token}'
    location: location
    tags: allTags
    publicAccess: publicAccess
    unknownNetworks: unknownNetworks
    appPrincipalId: identities.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module endpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  name: 'private-endpoints'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    networkId: privateNetwork ? network.outputs.networkId : ''
    endpointsSubnetId: privateNetwork ? network.outputs.endpointsSubnetId : ''
    cosmosId: cosmos.outputs.cosmosId
    serviceBusId: serviceBus.outputs.serviceBusId
    keyVaultId: keyVault.outputs.keyVaultId
    archiveId: archive.outputs.archiveId
    hostStorageId: hostStorage.outputs.hostStorageId
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: 'func-${token}'
    location: location
    tags: union(allTags, { 'azd-service-name': 'integrations' })
    environment: environment
    tokenIssuer: tokenIssuer
    tokenAudience: tokenAudience
    tokenKeysUrl: tokenKeysUrl
    identityId: identities.outputs.identityId
    identityClientId: identities.outputs.identityClientId
    archiverIdentityId: identities.outputs.archiverIdentityId
    archiverIdentityClientId: identities.outputs.archiverIdentityClientId
    appSubnetId: privateNetwork ? network.outputs.appSubnetId : ''
    zoneRedundant: zoneRedundant
    alwaysReadyInstances: alwaysReadyInstances
    maximumInstances: maximumInstances
    hostStorageName: hostStorage.outputs.hostStorageName
    deploymentContainerUrl: hostStorage.outputs.deploymentContainerUrl
    cosmosEndpoint: cosmos.outputs.cosmosEndpoint
    cosmosDatabase: cosmos.outputs.cosmosDatabase
    serviceBusNamespace: serviceBus.outputs.serviceBusNamespace
    keyVaultUrl: keyVault.outputs.keyVaultUrl
    blobAccountUrl: archive.outputs.blobAccountUrl
    blobContainer: archive.outputs.blobContainer
    auditContainer: archive.outputs.auditContainer
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [endpoints]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    onCallEmail: onCallEmail
    teamEmail: teamEmail
    workspaceId: monitoring.outputs.workspaceId
    cosmosId: cosmos.outputs.cosmosId
    serviceBusId: serviceBus.outputs.serviceBusId
    keyVaultId: keyVault.outputs.keyVaultId
    archiveId: archive.outputs.archiveId
    hostStorageId: hostStorage.outputs.hostStorageId
  }
}

module workbooks 'modules/workbooks.bicep' = {
  name: 'workbooks'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = app.outputs.name
output FUNCTION_APP_URL string = app.outputs.url
