"""Tests of several rooms together, on real databases, brokers and processes."""
