"""Figures over a gold set: what retrieval found, what answers say, what citations prove, how long it took.

Metrics are pure functions over the answer JSON, so recorded answers can be scored again and two runs compared.
This is the only package that uses ``ir_measures``.
"""
