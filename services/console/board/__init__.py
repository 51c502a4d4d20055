"""The chaos board: the switches, their followers, and the journal."""
