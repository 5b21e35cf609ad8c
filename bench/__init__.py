"""How fast: figures as ratios within one run, for machines are noisy."""
