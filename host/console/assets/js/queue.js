// The queue: keys, selection, the detail pane.
