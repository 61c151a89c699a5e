"""Errors, traces and releases. The modules here are pure: what was sent -> what is kept, a query's text -> its meaning;
they know no store, no clock and no framework. What they make is kept and found in `telemetry.stored`."""
