"""What goes wrong in runs of agents: one file a label, each a pure function over what was recorded."""
