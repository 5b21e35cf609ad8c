// Who the app is, and who alone may delete audit entries once they are archived.
param environmentName string
param location string
param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${environmentName}-app'
  location: location
  tags: tags
}

resource archiver 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${environmentName}-archiver'
  location: location
  tags: tags
}

output identityId string = app.id
output identityClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output archiverIdentityId string = archiver.id
output archiverIdentityClientId string = archiver.properties.clientId
output archiverPrincipalId string = archiver.properties.principalId
