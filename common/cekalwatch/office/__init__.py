"""What programs for the people of an office share: alerts and troubles as they see them, calls, and words."""
