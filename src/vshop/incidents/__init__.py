"""The catalogue of incidents. Only ``vshop.incidents.verify`` connects to a shop."""

from vshop.incidents.incident import Incident
from vshop.incidents.loader import CatalogueError, UnknownIncidentError, load_catalogue, load_incident

__all__ = ["CatalogueError", "Incident", "UnknownIncidentError", "load_catalogue", "load_incident"]
