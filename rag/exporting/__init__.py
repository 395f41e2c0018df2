"""Answers and conversations as Word and Markdown files, every citation a footnote."""
