"""Implementations of the ports; one package per place the app can run in."""
