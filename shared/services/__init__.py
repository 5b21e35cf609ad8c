"""The use cases. Each takes ports and repositories, and nothing else."""
