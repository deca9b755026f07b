"""Training of the generator with fastai: prepare, generator, critic, gan, evaluate."""
