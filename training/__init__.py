"""Scripts that train the classifiers that ship, from labelled texts. They run when weights are made, and never in the gateway."""
