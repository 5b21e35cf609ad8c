using '../main.bicep'

param environmentName = 'castiel-integrations-staging'
param environment = 'staging'
param location = readEnvironmentVariable('AZURE_LOCATION')
param tokenIssuer = readEnvironmentVariable('INTEGRATIONS_JWT_ISSUER')
param tokenAudience = readEnvironmentVariable('INTEGRATIONS_JWT_AUDIENCE')
param tokenKeysUrl = readEnvironmentVariable('INTEGRATIONS_JWKS_URL')
param onCallEmail = readEnvironmentVariable('ON_CALL_EMAIL')
param teamEmail = readEnvironmentVariable('TEAM_EMAIL')
param cosmosMode = 'serverless'
param alwaysReadyInstances = 1
param logRetentionDays = 30
param auditRetentionDays = 365
