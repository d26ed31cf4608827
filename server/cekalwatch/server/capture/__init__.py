"""From a camera's stream to the decision whether a passage alerts."""
