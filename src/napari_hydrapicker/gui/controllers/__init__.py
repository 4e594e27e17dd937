"""What the sections do: each joins one section to the session and the worker."""
