"""What a schedule is; nothing here knows a scheduler or PyTorch. See README.md beside it."""
