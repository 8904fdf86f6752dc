"""Measurements: `python -m bench`, described in `docs/performance.md`."""
