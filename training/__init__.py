"""Scripts that train the classifiers that ship. They run when weights are made, and never in the gateway."""
