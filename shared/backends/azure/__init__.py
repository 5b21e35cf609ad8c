"""Backends on Azure services. The only place besides the entry points that imports Azure's SDKs."""
