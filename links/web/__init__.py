"""Pages of links: the list, the editor, the report, the live stream, and what belongs to links."""
