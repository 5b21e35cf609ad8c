"""Providers described by a document: no code for a new one."""
