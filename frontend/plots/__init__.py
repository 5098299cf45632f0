"""Plots: pure functions from messages to plotly figures."""
