"""The suite. Folders mirror the packages; tests/system runs whole processes."""
