"""What the people of the demonstration work with: their accounts, the windows and the web console."""
