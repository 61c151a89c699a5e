"""Who watches what: a new watch is its file and one line here."""

from __future__ import annotations

from alerts.self_watch import channels, disk, full_rules, impaired, locations, plan_limits, stopped

BY_SCHEDULER = (locations.WATCH, channels.WATCH, disk.WATCH, impaired.WATCH, plan_limits.WATCH, full_rules.WATCH)
"""Looked at by the scheduler that holds the role `notices`."""
BY_API = (stopped.WATCH,)
"""Looked at by every API process."""
