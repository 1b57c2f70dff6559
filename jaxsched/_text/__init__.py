"""Schedules as text: expressions, configs, calls, and their reader."""
