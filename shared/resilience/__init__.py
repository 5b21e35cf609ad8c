"""How the app survives hostile networks and its own restarts."""
