"""The project file: micrographs, their picks, every edit and the settings, safe against a crash."""
