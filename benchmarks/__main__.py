"""`make bench`: every benchmark in turn, shorter than the runs in README.md; each prints its own table."""

from __future__ import annotations

import subprocess
import sys

COMMANDS = (
    ["benchmarks.engine", "--seconds", "3", "--rounds", "3"],
    ["benchmarks.timing_truth"],
    ["benchmarks.probe_overhead"],
    ["benchmarks.probe_overhead", "--rate", "100", "--http"],
    ["benchmarks.ticks"],
    ["benchmarks.recording"],
    ["benchmarks.serving"],
    ["benchmarks.streams", "--rounds", "2"],
    ["benchmarks.status_page"],
    ["benchmarks.stored_runs"],
    ["benchmarks.whole_path", "--seconds", "60"],
    ["benchmarks.journeys", "--seconds", "10", "--rounds", "2"],
    ["benchmarks.ingest", "--rows", "100000"],
    ["benchmarks.agent_runs", "--sessions", "100", "--streams", "200", "--appends", "60"],
    ["benchmarks.alerting", "--seconds", "40", "--transitions", "1000"],
)


def main() -> None:
    failed = []
    for command in COMMANDS:
        print(f"\n== python -m {' '.join(command)}", flush=True)
        if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
            failed.append(command[0])
    if failed:
        sys.exit(f"did not run to the end: {', '.join(failed)}")


if __name__ == "__main__":
    main()
