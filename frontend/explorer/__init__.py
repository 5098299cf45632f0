"""The explorer: the first page, an instrument in the browser made of our own JavaScript."""
