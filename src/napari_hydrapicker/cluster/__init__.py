"""Picking on several machines: shards of a list, and a dask cluster."""
