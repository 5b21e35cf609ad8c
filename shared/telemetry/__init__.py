"""Structured logs now; metrics and traces behind the same door."""
