"""Piles of images: folders, globs, zips, tars and their shards, LMDBs, arrays; on this machine or remote.

A source lists its images once, in an order that does not depend on the machine, and reads one by its row. The listing
is compact (:class:`Names` and arrays of numbers), holds no open file, and can be pickled: a worker opens what it reads.
"""

from dcgan_pipeline.imaging.sources.array_source import ArraySource, SubsetSource
from dcgan_pipeline.imaging.sources.base import NO_LABEL, FileSource, ImageError, ImageSource
from dcgan_pipeline.imaging.sources.folder_source import FolderSource, RemoteFolderSource
from dcgan_pipeline.imaging.sources.lmdb_source import LmdbSource
from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.tar_source import TarSource
from dcgan_pipeline.imaging.sources.zip_source import ZipSource

__all__ = [
    "NO_LABEL",
    "ArraySource",
    "FileSource",
    "FolderSource",
    "ImageError",
    "ImageSource",
    "LmdbSource",
    "Names",
    "RemoteFolderSource",
    "SubsetSource",
    "TarSource",
    "ZipSource",
]
