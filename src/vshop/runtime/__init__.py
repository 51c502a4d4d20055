"""Start, watch and stop a shop: as local processes, in containers, or on Kubernetes. Imports none of the services' libraries."""
