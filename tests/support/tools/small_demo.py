"""What makes a demonstration cost less than the one that people see, and shows the same."""

from __future__ import annotations

FEW_FRAMES = 8
"""Frames a second of its videos; half of their cost is that they are drawn and looked through."""
ONNXRUNTIME = {"CEKALWATCH_SERVER_INFERENCE": "onnxruntime"}
"""It opens in a tenth of the time of what a server chooses by itself."""
