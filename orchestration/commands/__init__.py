"""Commands of ``shopwright`` that stand in modules of their own, one subject each."""
