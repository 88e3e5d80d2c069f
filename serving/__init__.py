"""Where data goes out: immutable published generations and the read-only store over them."""
