"""Threads, batches, fair queues and memory budgets. Knows nothing of faces or alerts."""
