"""Detectors that are somewhere else: Presidio, a judge model on premises, a webhook, a third party's code."""
