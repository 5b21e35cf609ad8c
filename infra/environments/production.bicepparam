using '../main.bicep'

param environmentName = 'castiel-integrations-production'
param environment = 'production'
param location = readEnvironmentVariable('AZURE_LOCATION')
param tokenIssuer = readEnvironmentVariable('INTEGRATIONS_JWT_ISSUER')
param tokenAudience = readEnvironmentVariable('INTEGRATIONS_JWT_AUDIENCE')
param tokenKeysUrl = readEnvironmentVariable('INTEGRATIONS_JWKS_URL')
param onCallEmail = readEnvironmentVariable('ON_CALL_EMAIL')
param teamEmail = readEnvironmentVariable('TEAM_EMAIL')
param cosmosMode = 'autoscale'
param serviceBusSku = 'Premium'
param privateNetwork = true
param alwaysReadyInstances = 2
param logRetentionDays = 90
param auditRetentionDays = 2557
