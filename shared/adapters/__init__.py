"""How the app talks to providers."""
