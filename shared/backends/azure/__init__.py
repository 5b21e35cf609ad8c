"""The ports on Azure: Cosmos DB, Service Bus, Key Vault and Blob Storage."""
