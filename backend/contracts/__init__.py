"""The words that the service, the worker and the dashboard share. Standard library and pydantic only."""
