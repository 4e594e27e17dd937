"""The cGAN picker (Kong et al.): synthetic training pairs, the two networks, localisation of the marks."""
