"""The SQL side: dialect, sessions, statements."""
