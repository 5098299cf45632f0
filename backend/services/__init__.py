"""What a person or a program can ask of the laboratory: one file for each action or family of readings."""
