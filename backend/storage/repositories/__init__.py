"""Queries, one file for each noun. Every function takes the session of its caller's transaction first."""
