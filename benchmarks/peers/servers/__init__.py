"""The servers that are measured, each in a file of its own."""
