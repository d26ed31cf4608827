"""From an event of the stream to the screen, so that nothing is shown twice and nothing is lost."""
