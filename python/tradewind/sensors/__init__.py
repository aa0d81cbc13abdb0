"""Sensors: tasks that wait until something is so."""
