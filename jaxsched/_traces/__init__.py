"""Traces of PyTorch schedulers: files, recording, and comparison."""
