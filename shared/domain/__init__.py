"""Models, rules and errors: pure Python, no I/O and no cloud SDK."""
