"""The service: contracts, storage, services and the HTTP API. Never imports torch or the worker."""
