"""What is read from machines and from other cells: one file for each analysis. The folder is scanned."""
