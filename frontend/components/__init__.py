"""Parts of pages: pure functions from messages to component trees, and the callbacks that every page shares."""
