"""What is stored of agents' runs, in the store of telemetry."""
