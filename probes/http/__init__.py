"""HTTP exchanges over libcurl, timed in C: one hop at a time, to addresses that egress has vetted."""
