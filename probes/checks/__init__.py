"""One file a check type: its definition, and the function that makes one attempt."""
