// The queues that the code declares. The app sends and receives by its identity.
//
// The platform scales by the queues' length, which it asks for as the app: that needs the right to manage a queue.
// With Data Receiver alone it peeks at messages instead, and scales late or wrongly without an error
// (https://github.com/MicrosoftDocs/azure-docs/pull/128626). So the app is Data Owner, of these queues alone.
param name string
param location string
param tags object
@allowed(['Standard', 'Premium'])
param serviceBusSku string
@description('Open only where there is no private network: then identities are the only guard.')
@allowed(['Enabled', 'Disabled'])
param publicAccess string = 'Disabled'
param appPrincipalId string
param workspaceId string

var declared = loadJsonContent('../declared.json')
var isPremium = serviceBusSku == 'Premium'
var dataOwner = '090c5cfd-751d-490a-894a-3ce6f1109419'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: serviceBusSku, tier: serviceBusSku, capacity: isPremium ? 1 : null }
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
  for (queue, index) in declared.queues: {
    name: guid(queues[index].id, appPrincipalId, dataOwner)
    scope: queues[index]
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataOwner)
    }
  }
]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }] // how many messages come and are completed, for an alert
  }
}

output serviceBusId string = namespace.id
output serviceBusNamespace string = '${namespace.name}.servicebus.windows.net'
