"""The process: HTTP, REST dialects, settings, lifespan, command line. Holds no rules: it parses, calls, renders."""
