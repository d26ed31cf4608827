"""Practice for who starts: pairs of faces of people who agreed to it, with the keys of work and feedback."""
