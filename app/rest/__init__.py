"""The REST dialects: transport-free handlers from `Call` to `Answer`."""
