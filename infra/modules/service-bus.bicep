// The queues that the code declares. The app sends and receives by its identity.
param name string
param location string
param tags object
@allowed(['Standard', 'Premium'])
param sku string
@description('Open only where there is no private network: then identities are the only guard.')
@allowed(['Enabled', 'Disabled'])
param publicAccess string = 'Disabled'
param appPrincipalId string
param workspaceId string

var declared = loadJsonContent('../declared.json')
var isPremium = sku == 'Premium'
// Data Sender, Data Receiver
var roles = ['69a216fc-b8fb-44d8-bc22-1f3c2cd27a39', '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0']

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, tier: sku, capacity: isPremium ? 1 : null }
  identity: { type: 'SystemAssigned' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicAccess
    zoneRedundant: isPremium
  }
}

resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for queue in declared.queues: {
    parent: namespace
    name: queue.name
    properties: queue.properties
  }
]

resource appUses 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    name: guid(namespace.id, appPrincipalId, role)
    scope: namespace
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
  }
}

output namespaceId string = namespace.id
output hostName string = '${namespace.name}.servicebus.windows.net'
