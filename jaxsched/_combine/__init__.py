"""What makes a schedule of other schedules."""
