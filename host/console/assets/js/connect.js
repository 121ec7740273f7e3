// Connecting: the tree of locations, secrets that can be looked at.
