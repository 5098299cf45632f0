"""Where things are kept: tables, one repository for each noun, artifacts, migrations."""
