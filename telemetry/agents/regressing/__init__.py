"""Whether an incident's failures are over: what was recorded before a fix against what came after it."""
