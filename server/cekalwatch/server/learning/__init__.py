"""Thresholds that learn from the passages of a site: counts of scores, their tail, and steps of the threshold."""
