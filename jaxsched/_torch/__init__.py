"""Live PyTorch schedulers and their checkpoints to schedules, and back."""
