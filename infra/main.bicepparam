// What `azd up` deploys; azd asks for the environment's name and region, the rest comes from its variables
// (`azd env set NAME VALUE`).
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param environment = readEnvironmentVariable('INTEGRATIONS_ENVIRONMENT', 'production')
param tokenIssuer = readEnvironmentVariable('INTEGRATIONS_JWT_ISSUER')
param tokenAudience = readEnvironmentVariable('INTEGRATIONS_JWT_AUDIENCE')
param tokenKeysUrl = readEnvironmentVariable('INTEGRATIONS_JWKS_URL')
param onCallEmail = readEnvironmentVariable('ON_CALL_EMAIL')
param teamEmail = readEnvironmentVariable('TEAM_EMAIL')
param cosmosMode = readEnvironmentVariable('COSMOS_MODE', 'serverless')
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
