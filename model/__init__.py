"""The vocabulary of Tracer: checks, assertions, slots, runs, states, probe protocol. Pure: no I/O, no clock."""
