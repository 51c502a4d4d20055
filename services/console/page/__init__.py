"""The console's web page: what it serves to a browser, and the same-origin requests by which the page reads the shop."""
