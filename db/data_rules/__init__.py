"""What types demand of their resources' data, at every door: the look-ups and writes around `db.definitions`."""
