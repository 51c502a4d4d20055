"""Load on the shop by Locust, and the reckoning beside it: which orders and spans were lost, counted one by one."""
