"""The HTTP API under /api/v1: it translates requests into services and errors into problems, no more."""
