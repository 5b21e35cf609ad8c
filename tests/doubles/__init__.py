"""Doubles of cloud services: real protocols, everything in memory, faults on demand."""
