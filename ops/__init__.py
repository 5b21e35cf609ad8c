"""The operator's command line. Never deployed."""
