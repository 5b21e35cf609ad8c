"""A local Functions host: runs the registered functions without the func CLI. Never deployed."""
