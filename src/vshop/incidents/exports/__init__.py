"""Ground truth and telemetry in the shapes of other benchmarks, from what a journal tells and an observatory holds."""
