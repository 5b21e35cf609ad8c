"""The backend in Azure. Each SDK is imported with the module that uses it, at its first use."""
