// A private endpoint and its DNS zone for every service that the app talks to.
param environmentName string
param location string
param tags object
param networkId string
param endpointsSubnetId string
param cosmosId string
param serviceBusId string
param keyVaultId string
param archiveId string
param hostStorageId string

var zones = [
  'privatelink.documents.azure.com'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
  'privatelink.blob.${az.environment().suffixes.storage}'
  'privatelink.queue.${az.environment().suffixes.storage}'
  'privatelink.table.${az.environment().suffixes.storage}'
]
var endpoints = [
  { name: 'cosmos', service: cosmosId, part: 'Sql', zone: 0 }
  { name: 'service-bus', service: serviceBusId, part: 'namespace', zone: 1 }
  { name: 'key-vault', service: keyVaultId, part: 'vault', zone: 2 }
  { name: 'archive', service: archiveId, part: 'blob', zone: 3 }
  { name: 'host-blob', service: hostStorageId, part: 'blob', zone: 3 }
  { name: 'host-queue', service: hostStorageId, part: 'queue', zone: 4 }
  { name: 'host-table', service: hostStorageId, part: 'table', zone: 5 }
]

resource dns 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zones: {
    parent: dns[index]
    name: 'to-${environmentName}'
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${environmentName}-${endpoint.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: endpointsSubnetId }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: { privateLinkServiceId: endpoint.service, groupIds: [endpoint.part] }
        }
      ]
    }
  }
]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, index) in endpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [{ name: 'zone', properties: { privateDnsZoneId: dns[endpoint.zone].id } }]
    }
  }
]
