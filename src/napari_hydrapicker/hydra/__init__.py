"""The HydraPicker network: one shared body, one head a data set, losses and the file it lives in.

Nothing is imported here, so that looking into this package does not load torch.
"""
