"""Recorded rates: files, recording, and comparison."""
