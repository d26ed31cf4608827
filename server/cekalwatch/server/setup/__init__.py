"""Sets a site up, for the command `init`: what is asked, what is made, the invitations and the hand-over sheets."""
