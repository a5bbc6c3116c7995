"""Published forms by name: rows as people have them become rows as training reads them. Pure."""
