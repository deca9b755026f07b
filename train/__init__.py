"""Training of the generator with fastai: prepare, generator, critic, gan, evaluate."""

import os

# Before torch is imported: its threads would spin at barriers, several times slower beside others.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
