"""Pages, found by scan. A page module has `PATH`, `async layout(client, address) -> Page`, `register(app, client)`."""
