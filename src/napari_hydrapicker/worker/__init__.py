"""Work in a process of its own, so that it can neither block nor crash the window."""
