"""Shell completion of incident ids, telemetry faults and parts."""

from vshop.incidents.loader import CATALOGUE


def complete_incident(incomplete: str) -> list[str]:
    """Return the ids of the incidents that begin with a text. Reads only file names, so that completion is fast."""
    return sorted(path.stem for path in CATALOGUE.glob(f"{incomplete}*.yaml"))


def complete_telemetry_fault(incomplete: str) -> list[str]:
    """Return the ids of the telemetry faults that begin with a text."""
    return sorted(path.stem for path in CATALOGUE.with_name("telemetry_faults").glob(f"{incomplete}*.yaml"))


def complete_verifiable(incomplete: str) -> list[str]:
    """Return the ids of incidents and telemetry faults that begin with a text."""
    return [*complete_incident(incomplete), *complete_telemetry_fault(incomplete)]


def complete_part(incomplete: str) -> list[str]:
    """Return the names of the parts that begin with a text."""
    from vshop.runtime.model.parts import NAMES  # noqa: PLC0415 - only `vshop restart` needs it

    return [name for name in NAMES if name.startswith(incomplete)]
