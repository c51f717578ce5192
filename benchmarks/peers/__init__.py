"""This server beside others, on one PostgreSQL with equal rows: `python -m benchmarks.peers`."""
