"""The ports on Azure's services. Each module is imported when its backend is chosen, and only then."""
