"""Knowing how good it is: open-set identification after ISO/IEC 19795-1, and the thresholds that follow from it.

Photographs are read in `templates.py` alone; everything behind it is arithmetic on templates and scores.
"""
