"""How good and how fast the pickers are: ``python -m benchmarks --help`` says what there is."""
