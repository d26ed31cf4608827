"""Sets up a site, for the command `init`: questions, files, invitations and hand-over sheets."""
