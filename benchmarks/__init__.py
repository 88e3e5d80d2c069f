"""Measurements of speed, memory and accuracy, each with date, cores, versions and load: ``make bench``."""
