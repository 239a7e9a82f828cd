"""What every room stands on: threads, memory, progress, trouble."""
