"""Measures recognition: open-set identification after ISO/IEC 19795-1, and the thresholds that follow from it.

Only `templates.py` reads photographs; everything else is arithmetic on templates and scores.
"""
