"""Contracts, acceptance, suites and monitors: what data must look like, and the judging of it.

Nothing here knows where data comes from (``feeds``), where it goes (``serving``) or who schedules it
(``orchestration``); this package imports none of the others.
"""
