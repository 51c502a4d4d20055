"""Shell completion of incident ids, telemetry faults and parts."""

from vshop.incidents.loader import CATALOGUE


def complete_incident(incomplete: str) -> list[str]:
    """Return the matching incidents. Reads only file names, so that completion is fast."""
    return sorted(path.stem for path in CATALOGUE.glob(f"{incomplete}*.yaml"))


def complete_telemetry_fault(incomplete: str) -> list[str]:
    """Return the matching telemetry faults."""
    return sorted(path.stem for path in CATALOGUE.with_name("telemetry_faults").glob(f"{incomplete}*.yaml"))


def complete_verifiable(incomplete: str) -> list[str]:
    """Return the matching incidents and telemetry faults."""
    return [*complete_incident(incomplete), *complete_telemetry_fault(incomplete)]


def complete_part(incomplete: str) -> list[str]:
    """Return the matching parts."""
    from vshop.runtime.model.parts import NAMES  # noqa: PLC0415 - only `vshop restart` needs it

    return [name for name in NAMES if name.startswith(incomplete)]
