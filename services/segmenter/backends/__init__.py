"""Backends of this service, one file each."""
