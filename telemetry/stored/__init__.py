"""The store of telemetry: its tables, and every statement on them. Beside the main store (Database.telemetry)."""
