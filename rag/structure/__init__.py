"""Structure: from text blocks to a report with paragraphs, sections and metadata."""

from rag.structure.metadata import with_overrides
from rag.structure.offices import OfficeName, canonical_office, office_names, office_stem, office_variants
from rag.structure.overrides import MetaOverrides, read_metadata_csv
from rag.structure.parsing import parse_report
from rag.structure.sentences import begins_item, split_sentences

__all__ = [
    "MetaOverrides",
    "OfficeName",
    "begins_item",
    "canonical_office",
    "office_names",
    "office_stem",
    "office_variants",
    "parse_report",
    "read_metadata_csv",
    "split_sentences",
    "with_overrides",
]
