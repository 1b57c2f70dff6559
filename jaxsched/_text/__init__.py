"""Schedules as text: expressions, configs, constructor calls, and the parser of calls."""
