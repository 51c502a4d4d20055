"""console: the chaos board, the one writer of which incidents are on."""
