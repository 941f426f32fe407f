"""Catalog entries: image sources, sharded arrays, and files that are written whole or not at all.

One class a module; the catalog names them in full, such as ``dcgan_pipeline.datasets.table.TableDataset``, so that
only those that a command needs are imported.
"""
