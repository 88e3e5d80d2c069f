"""Reading an unknown file and proposing what it is; nothing here loads anything."""
