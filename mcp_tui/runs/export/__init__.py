"""Comparisons and saved runs as files: JSON, Markdown, HTML. All texts in them are from outside."""
