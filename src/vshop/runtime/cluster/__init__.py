"""The shop on Kubernetes, by ``kubectl``: applied, awaited, and reached on this machine's loopback."""
