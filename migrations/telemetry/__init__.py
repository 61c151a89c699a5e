"""The history of the telemetry store's shape: its own line of steps, run by migrations.upgrade at every start."""
