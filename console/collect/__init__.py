"""From a Host to Snapshots: sources, their cadence, and who belongs to whom."""
