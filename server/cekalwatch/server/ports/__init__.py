"""What the centre does with the reports of ports that have servers of their own."""
