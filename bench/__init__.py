"""Measurements: `python -m bench` (`docs/performance.md`) and `python -m bench.detection` (`docs/detection.md`)."""
