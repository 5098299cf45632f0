"""Alembic migrations of the laboratory's schema."""
