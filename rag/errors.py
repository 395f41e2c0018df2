"""Every error this package raises on purpose.

::

    RagError
    ├── SettingsError          a setting has an unusable value
    ├── LoadError              one file cannot be read; the others go on
    │   ├── UnsupportedFormat
    │   ├── EmptyFile
    │   ├── DamagedFile
    │   ├── EncryptedFile
    │   ├── ScannedPdf
    │   ├── FileTooLarge
    │   └── UnreadableFile     permission, vanished, not a file
    ├── MetadataError          the CSV given with --metadata is unusable
    ├── EmbeddingError         the embedding model cannot be loaded or run
    ├── ScoringError           the reader cannot be loaded or run
    ├── StoreError             the store cannot be opened or used
    │   ├── ModelMismatch      the store was built with another model or chunking
    │   ├── StoreLocked        another process holds what is needed
    │   ├── StoreFull          no space is left on its disk
    │   ├── StoreReadOnly      it may be read, not written
    │   └── StoreDamaged
    ├── CitationError          a citation id or report id points nowhere
    │   └── MalformedCitation  it is no citation id at all
    ├── QuestionError          a question that cannot be asked (empty, too long)
    ├── GoldError              a gold question file is unusable
    ├── AccountsError          the users file, or a change to it, is unusable
    ├── RateLimited            more was asked in a time than is allowed
    ├── ConversationError      conversations cannot be kept or read
    │   └── UnknownConversation    there is none of that id, or it is another person's
    ├── ExportError            an answer cannot be written to the file asked for
    └── GenerationError        the chat model failed

A message says what happened, to which file or setting, and what to do next.
"""


class RagError(Exception):
    """Base of every error raised on purpose."""


class SettingsError(RagError):
    """A setting has an unusable value."""


class LoadError(RagError):
    """One file cannot be read."""


class UnsupportedFormat(LoadError):
    """The file's format is not one that can be read."""


class EmptyFile(LoadError):
    """The file holds no visible text."""


class DamagedFile(LoadError):
    """The file's bytes are not what its format asks for."""


class EncryptedFile(LoadError):
    """The file asks for a password."""


class ScannedPdf(LoadError):
    """The PDF holds pictures of pages and no text."""


class FileTooLarge(LoadError):
    """The file is over the size limit."""


class UnreadableFile(LoadError):
    """The operating system does not let the file be read."""


class MetadataError(RagError):
    """The metadata CSV is unusable."""


class EmbeddingError(RagError):
    """The embedding model cannot be loaded or run."""


class ScoringError(RagError):
    """The reader, or whatever judges statements, cannot be loaded or run."""


class StoreError(RagError):
    """The store cannot be opened or used."""


class ModelMismatch(StoreError):
    """The store was built with another embedding model or other chunking settings."""


class StoreLocked(StoreError):
    """Another process holds what is needed."""


class StoreFull(StoreError):
    """No space is left on the store's disk."""


class StoreReadOnly(StoreError):
    """The store may be read, not written."""


class StoreDamaged(StoreError):
    """The catalog itself is damaged."""


class CitationError(RagError):
    """A citation id is malformed or points nowhere."""


class MalformedCitation(CitationError):
    """A text is not of the form of a citation id."""


class QuestionError(RagError):
    """A question that cannot be asked."""


class GoldError(RagError):
    """A gold question file is unusable."""


class AccountsError(RagError):
    """The users file, or a change to it, is unusable."""


class RateLimited(RagError):
    """More was asked in a time than is allowed.

    Args:
        message: What was too much.
        seconds: After how long it may be tried again.
    """

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class ConversationError(RagError):
    """Conversations cannot be kept or read."""


class UnknownConversation(ConversationError):
    """There is no such conversation, or it is another person's."""


class ExportError(RagError):
    """An answer cannot be written to the file asked for."""


class GenerationError(RagError):
    """The chat model failed."""
