"""Measurements: speed, memory and accuracy, each written with date, cores, versions and load. One command: make bench."""
