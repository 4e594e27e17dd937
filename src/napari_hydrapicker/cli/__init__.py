"""The `hydrapicker` command: one module a sub-command, its function of the same name."""
