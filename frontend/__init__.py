"""The dashboard: pages of the laboratory. Speaks to the service through `backend.client` only."""
