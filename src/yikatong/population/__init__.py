"""Population: believable people nobody is, for demos, tests and benchmarks."""
