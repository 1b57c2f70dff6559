"""What a schedule is; nothing here imports a scheduler or PyTorch. See README.md beside it."""
