"""Benchmarks: our server beside the fastest that its own tables allow, in one run."""
