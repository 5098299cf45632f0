"""The composition root: joins the rooms and runs them. It may import from every side; nobody imports it."""
