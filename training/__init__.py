"""Training of reader and retriever: data, models, calibration, evaluation, export: ``python -m training``."""
