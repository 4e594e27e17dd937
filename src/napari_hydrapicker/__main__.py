"""``python -m napari_hydrapicker`` is the `hydrapicker` command."""

from napari_hydrapicker.cli.main import main

if __name__ == "__main__":
    main()
