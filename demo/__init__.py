"""The main job on real input: the Python distributions of this environment, loaded through the REST door."""
