"""What can go wrong below the services."""


class StorageError(Exception):
    """Base of everything that the storage raises on purpose."""


class DatabaseUnavailable(StorageError):
    """The database is locked, full or out of reach. The transaction was rolled back: nothing was written."""


class ValueRefused(StorageError):
    """The database cannot hold or compare a value, for instance a text with a NUL character."""


class StoreUnavailable(StorageError):
    """The models store refused to read or write, for instance because the disk is full. No part was kept."""


class ArtifactMissing(StorageError):
    """No bytes are stored under this digest."""


class ArtifactCorrupted(StorageError):
    """The stored bytes do not match their digest."""


class LeaseLost(StorageError):
    """The caller's claim is no longer in force: another worker has the job, or it was ended or deleted."""
