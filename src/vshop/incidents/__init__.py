"""The catalogue of incidents: what is broken, what is then seen, and what its cause is. One file an incident.

Everything here is data and what can be said about data: nothing connects, nothing is switched.
"""

from vshop.incidents.errors import CatalogueError, UnknownIncidentError
from vshop.incidents.incident import Incident
from vshop.incidents.loader import load_catalogue, load_incident

__all__ = ["CatalogueError", "Incident", "UnknownIncidentError", "load_catalogue", "load_incident"]
