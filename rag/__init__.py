"""Question answering over the annual rule-of-law reports of sub-district offices."""
