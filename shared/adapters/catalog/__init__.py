"""The providers that come with the app, one YAML document each."""
