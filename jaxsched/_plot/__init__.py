"""Pictures of schedules, by matplotlib and in notebooks."""
