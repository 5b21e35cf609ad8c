"""Domain objects in and out of the DocumentStore port, written once for every backend."""
