"""Evaluations: suites of prompts with expectations, over several models."""
