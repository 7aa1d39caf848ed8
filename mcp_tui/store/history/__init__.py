"""Runs, saved as they stream: one SQLite file, searched by full text, shared by all processes of the person."""
